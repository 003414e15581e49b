"""A final-state shower with the weights of its own variations: e+ e- -> q qbar, shape variables of the partons.

Pythia's weights say how much likelier an event were with another scale of alpha_s, mu -> k mu (Mrenna, Skands,
arXiv:1605.08352). They depend on every trial emission, so that an event's observables alone do not fix them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxunfold.data.events import Events
from jaxunfold.errors import InputError
from jaxunfold.simulation import STREAM, generator
from jaxunfold.simulation.chunk import pythia_seed

OBSERVABLES = ("log_one_minus_thrust", "log_y23", "log_y34", "log_y45", "log_sphericity", "partons")
FLOOR = 1e-4
"""Shape variables below this, as of an event without any emission, are taken for it."""


class Shower(NamedTuple):
    """name: as recorded in the file; sqrt_s_gev: collision energy; pythia: Pythia's own "Group:key = value" lines.

    factors: k of the varied renormalisation scales, each with a column of weights.
    """

    name: str
    sqrt_s_gev: float
    pythia: tuple[str, ...]
    factors: tuple[float, ...]


def from_config(config: Mapping[str, Any]) -> Shower:
    """A process from a config's values. Raises InputError for a missing or unknown key, or factors out of range."""
    if wrong := sorted(set(config) ^ set(Shower._fields)):
        raise InputError(f"config: expected the keys {', '.join(Shower._fields)}; wrong: {', '.join(wrong)}")
    values = {"pythia": tuple(config["pythia"]), "factors": tuple(map(float, config["factors"]))}
    process = Shower(**{**config, **values})
    if not process.factors or min(process.factors) <= 0 or len(set(process.factors)) != len(process.factors):
        raise InputError(f"config.factors: expected different positive numbers, found {process.factors}")
    return process


def column_of(factor: float) -> str:
    """Name of the column that holds a variation's weights."""
    return f"weight_{factor:g}"


def simulate(process: Shower, seed: int, num_events: int, progress: Callable[[int], None] | None = None) -> Events:
    """A table of ``num_events`` showers: ``OBSERVABLES`` (logs to base 10) and the weight of every variation.

    Args: progress: Called with the number of events made since the last call.
    Raises: InputError where Pythia cannot start, or a package is missing.
    """
    module = generator.require()
    pythia = start(process, seed)
    info, thrust, sphericity = pythia.infoPython(), module.Thrust(), module.Sphericity(1.0)
    jets, rows = module.ClusterJet("Durham"), []
    places = [places_of(info)[factor] for factor in process.factors]
    while len(rows) < num_events:
        if not pythia.next():
            continue
        thrust.analyze(pythia.event)
        sphericity.analyze(pythia.event)
        jets.analyze(pythia.event, 1.0, 0.0, 2, 0)
        shapes = [1 - thrust.thrust(), *(jets.distance(i) / process.sqrt_s_gev**2 for i in range(3))]
        shapes.append(sphericity.sphericity())
        row = [*np.log10(np.maximum(shapes, FLOOR)), pythia.event.nFinal()]
        rows.append([*row, *(info.weight(place) for place in places)])
        if progress is not None and (len(rows) % 1000 == 0 or len(rows) == num_events):
            progress(len(rows) % 1000 or 1000)
    names = (*OBSERVABLES, *map(column_of, process.factors))
    return Events(
        reco=np.zeros((num_events, 0), np.float32), truth=np.array(rows, np.float32), truth_names=names,
        attrs={
            "process": process.name, "sqrt_s_gev": process.sqrt_s_gev, "seed": seed,
            "generator": "Pythia 8 (pythia8mc), final-state shower", "code_version": STREAM,
        },
    )  # fmt: skip


def places_of(info: Any) -> dict[float, int]:
    """{factor: place of its weight}, from the labels that Pythia gives its weights."""
    labels = [info.weightLabel(i) for i in range(info.nWeights())]
    return {float(label.partition("=")[2]): i for i, label in enumerate(labels) if "murfac" in label.lower()}


def start(process: Shower, seed: int) -> Any:
    """An initialised Pythia that stops after the shower. Raises: InputError as ``generator.start``."""
    pythia = generator.require().Pythia("", False)
    bands = ", ".join(f"v{i} fsr:muRfac={factor:g}" for i, factor in enumerate(process.factors))
    lines = (
        "Print:quiet = on", "Random:setSeed = on", f"Random:seed = {pythia_seed(seed, 0)}",
        f"Beams:eCM = {process.sqrt_s_gev}", "HadronLevel:all = off", "UncertaintyBands:doVariations = on",
        f"UncertaintyBands:List = {{{bands}}}", *process.pythia,
    )  # fmt: skip
    for line in lines:
        if not pythia.readString(line):
            raise InputError(f"config.pythia: expected a setting that Pythia 8 knows, found {line!r}")
    if not pythia.init():
        raise InputError("config.pythia: expected a process that Pythia 8 can start, see its messages above")
    return pythia
