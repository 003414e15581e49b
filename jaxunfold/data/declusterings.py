"""Files of jets as their declusterings, hardest branch first: what a Lund-plane image is made of.

An HDF5 file with the groups ``truth`` and ``reco`` of the same jets, each with ``delta`` and ``kt`` [n, m], zero
where there is none, ``pt`` and ``mass`` [n].
"""

import os
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from jaxtyping import Float

from jaxunfold.data.files import write_datasets
from jaxunfold.errors import InputError


class Jets(NamedTuple):
    """delta: distance of the two branches; kt: of the softer one with respect to the harder, in GeV; both
    zero-padded.

    pt, mass: of the jet, in GeV.
    """

    delta: Float[np.ndarray, "n m"]
    kt: Float[np.ndarray, "n m"]
    pt: Float[np.ndarray, " n"]
    mass: Float[np.ndarray, " n"]


LEVELS = ("truth", "reco")


def write(path: str | os.PathLike, truth: Jets, reco: Jets, attrs: dict) -> None:
    """Write both levels of the same jets. Raises: InputError where the file cannot be written."""
    datasets = {
        f"{level}/{name}": (values, {})
        for level, jets in zip(LEVELS, (truth, reco))
        for name, values in jets._asdict().items()
    }
    write_datasets(path, datasets, attrs)


def read(path: str | os.PathLike) -> tuple[Jets, Jets, dict]:
    """(truth, reco, attributes). Raises: InputError that names what is missing or of another length."""
    if not Path(path).is_file():
        raise InputError(f"{path}: expected a file of jets, found none")
    try:
        with h5py.File(path) as file:
            names = [f"{level}/{name}" for level in LEVELS for name in Jets._fields]
            if missing := [name for name in names if name not in file]:
                raise InputError(f"{path}: expected {', '.join(names)}, missing: {', '.join(missing)}")
            values, attrs = [file[name][:] for name in names], dict(file.attrs)
    except OSError as error:
        raise InputError(f"{path}: expected an HDF5 file, found another ({error})") from error
    truth, reco = Jets(*values[:4]), Jets(*values[4:])
    if len(lengths := {len(part) for part in values}) != 1:
        raise InputError(f"{path}: expected as many jets in every dataset, found {sorted(lengths)}")
    return truth, reco, attrs
