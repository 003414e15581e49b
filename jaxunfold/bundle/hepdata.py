"""HEPData submissions of unfolded spectra: one table each and one for the covariance, as its validator takes them."""

import importlib
import os
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from jaxunfold.bundle.spectrum import Spectrum, label
from jaxunfold.errors import InputError

NAMES = {"events": "Events", "density": "Events per unit", "normalised": "Normalised to one"}


def _need(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"HEPData needs {error.name}, found none: pip install 'jaxunfold[io]'") from error


def write(folder: str | os.PathLike, spectra: Sequence[Spectrum], about: str) -> list[str]:
    """Write submission.yaml and a YAML file for each table into a folder; returns the files' names.

    Args: about: A text on where the numbers come from, the comment of the submission.
    Raises: InputError without hepdata_lib, or where HEPData's own validator refuses.
    """
    lib, yaml = _need("hepdata_lib"), _need("yaml")
    validator = _need("hepdata_validator.full_submission_validator").FullSubmissionValidator()
    os.makedirs(folder, exist_ok=True)
    # what hepdata_lib's create_files does, without an archive in the current directory
    with open(os.path.join(folder, "submission.yaml"), "w", encoding="utf-8") as file:
        licence = lib.Submission.get_license()
        yaml.dump({"comment": about, "data_license": licence}, file, explicit_start=True)
    tables = [make(lib, number, s) for number, s in enumerate(spectra, 1) for make in (_values, _covariance)]
    for table in tables:
        table.write_output(os.fspath(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the files open
        valid = validator.validate(directory=os.fspath(folder))
    if not valid:
        found = "; ".join(str(m) for messages in validator.get_messages().values() for m in messages)
        raise InputError(f"{folder}: expected tables that HEPData takes, found {found}")
    return sorted(os.listdir(folder))


def _values(lib: Any, number: int, spectrum: Spectrum) -> Any:
    table = lib.Table(f"Spectrum {number}")
    table.description = (
        f"Unfolded {spectrum.observable}, {NAMES[spectrum.scale].lower()}. {support(spectrum)} "
        f"The covariance between the bins is in the table Covariance {number}."
    )
    table.keywords["observables"] = [spectrum.observable]
    edges = spectrum.edges.tolist()
    axis = lib.Variable(spectrum.observable, is_independent=True, is_binned=True, units=spectrum.unit)
    axis.values = list(pairwise(edges))
    # what a density is per; HEPData's units are of the value
    units = {"events": "", "density": f"1/{spectrum.unit}", "normalised": f"1/{spectrum.unit}"}[spectrum.scale]
    bins = lib.Variable(
        NAMES[spectrum.scale], is_independent=False, is_binned=False, units=units if spectrum.unit else ""
    )
    bins.values = spectrum.values.tolist()
    bins.add_qualifier("MEASURED EVENTS", spectrum.n_events)
    if spectrum.outside is not None:
        bins.add_qualifier("OUTSIDE OF THE TRAINING'S SUPPORT", spectrum.outside)
    for name, part in spectrum.covariances.items():
        error = lib.Uncertainty(name, is_symmetric=True)
        error.values = np.sqrt(np.maximum(np.diag(part), 0)).tolist()
        bins.add_uncertainty(error)
    table.add_variable(axis)
    table.add_variable(bins)
    return table


def _covariance(lib: Any, number: int, spectrum: Spectrum) -> Any:
    table = lib.Table(f"Covariance {number}")
    table.description = (
        f"Covariance between the bins of {label(spectrum)} of the table Spectrum {number}, and its parts."
    )
    edges = spectrum.edges.tolist()
    pairs = list(pairwise(edges))
    size = len(pairs)
    for name, chosen in (("first", np.repeat(np.arange(size), size)), ("second", np.tile(np.arange(size), size))):
        axis = lib.Variable(
            f"{spectrum.observable} ({name} bin)", is_independent=True, is_binned=True, units=spectrum.unit
        )
        axis.values = [pairs[i] for i in chosen]
        table.add_variable(axis)
    for name, part in {"total": spectrum.covariance, **spectrum.covariances}.items():
        column = lib.Variable(f"Covariance, {name}", is_independent=False, is_binned=False)
        column.values = part.ravel().tolist()
        table.add_variable(column)
    return table


def support(spectrum: Spectrum) -> str:
    """A sentence on events that the training does not cover."""
    if spectrum.outside is None:
        return f"{spectrum.n_events} measured events."
    return f"{spectrum.outside} of {spectrum.n_events} measured events lie outside of the training's support."
