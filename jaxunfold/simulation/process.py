"""What a simulation config says, as a checked NamedTuple: the only place that reads its keys."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxunfold.errors import InputError
from jaxunfold.simulation import STREAM, cards
from jaxunfold.simulation.generator import Veto
from jaxunfold.simulation.selection import Selection


class Process(NamedTuple):
    """A process to simulate.

    name: the process, as recorded in the file; sqrt_s_gev: collision energy.
    pythia: Pythia's own "Group:key = value" lines.
    truth: labels of the hard process's particles; resonances: the pairs whose four-momentum is kept.
    veto: early rejection or None; selection: requirements on the measured event; extra: names of extra
    columns.
    detector: the card; chunk: collisions per random stream; batch: collisions per pass through the detector.
    """

    name: str
    sqrt_s_gev: float
    pythia: tuple[str, ...]
    truth: tuple[str, ...]
    resonances: dict[str, tuple[str, ...]]
    veto: Veto | None
    selection: Selection
    extra: tuple[str, ...]
    detector: cards.Card
    chunk: int
    batch: int

    @property
    def reco(self) -> tuple[str, ...]:
        """Labels of the measured objects: e-, e+, j1, j2, ..."""
        return ("e-", "e+", *(f"j{i + 1}" for i in range(self.selection.slots)))


EXTRA = ("n_jets", "met_px", "met_py")


def from_config(config: Mapping[str, Any]) -> Process:
    """A process from a config's values. Raises InputError for a missing, unknown or senseless key."""
    values = dict(config)
    wrong = sorted(set(values) ^ set(Process._fields))
    if wrong:
        raise InputError(
            f"simulation config: expected the keys {', '.join(Process._fields)}; wrong: {', '.join(wrong)}"
        )
    try:
        veto = None if values["veto"] is None else Veto(**values["veto"])
        selection = Selection(**values["selection"])
    except TypeError as error:
        raise InputError(f"simulation config: veto or selection: {error}") from error
    process = Process(
        **{
            **values,
            "sqrt_s_gev": float(values["sqrt_s_gev"]),
            "pythia": tuple(values["pythia"]),
            "truth": tuple(values["truth"]),
            "resonances": {name: tuple(children) for name, children in values["resonances"].items()},
            "veto": veto,
            "selection": selection,
            "extra": tuple(values["extra"]),
            "detector": cards.from_dict(dict(values["detector"])),
        }
    )
    _check(process)
    return process


def _check(process: Process) -> None:
    if process.truth[:2] != ("e-", "e+") or len(process.truth) != 4:
        raise InputError(f"simulation config: truth: expected e-, e+ and two partons, found {process.truth}")
    for name, children in process.resonances.items():
        if len(children) != 2 or not set(children) <= set(process.truth):
            raise InputError(
                f"simulation config: resonances.{name}: expected two of {process.truth}, found {children}"
            )
    if process.selection.match not in ("angle", "pt"):
        raise InputError(
            f"simulation config: selection.match: expected angle or pt, found {process.selection.match!r}"
        )
    if not set(process.extra) <= set(EXTRA):
        raise InputError(f"simulation config: extra: expected some of {EXTRA}, found {process.extra}")
    if process.selection.min_jets < 2 or process.selection.slots < 2 or process.chunk < 1 or process.batch < 1:
        raise InputError("simulation config: expected min_jets and slots of 2 or more, chunk and batch of 1 or more")


def to_json(process: Process) -> str:
    """Everything that decides which events come out, as one line of JSON."""
    values = process._asdict()
    values["veto"] = None if process.veto is None else process.veto._asdict()
    values["selection"] = process.selection._asdict()
    values["detector"] = cards.to_dict(process.detector)
    return json.dumps({"stream": STREAM, **values}, sort_keys=True)


def key(process: Process, seed: int, num_events: int) -> str:
    """Name of one simulation: equal keys, equal files."""
    text = f"{to_json(process)} {seed} {num_events}"
    return hashlib.sha256(text.encode()).hexdigest()
