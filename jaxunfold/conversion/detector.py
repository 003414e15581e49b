"""The fast detector on the stable particles of any generator's record: columns as Delphes names them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxunfold.conversion.columns import Table
from jaxunfold.errors import InputError
from jaxunfold.readers.base import PIECE, Column, need
from jaxunfold.simulation import cards
from jaxunfold.simulation.detector import Particles, detect
from jaxunfold.simulation.jets import find_jets

NEEDED = tuple(f"Particle.{name}" for name in ("PID", "Status", "E", "Px", "Py", "Pz", "X", "Y", "Z"))
MADE = (
    *(f"Electron.{name}" for name in ("PT", "Eta", "Phi", "Charge")),
    *(f"Jet.{name}" for name in ("PT", "Eta", "Phi", "Mass")),
    "MissingET.MET", "MissingET.Phi",
)  # fmt: skip
BATCH = PIECE // 8
STABLE = 1


def require() -> None:
    """Raise InputError where the fast detector's libraries are missing."""
    for module in ("fastjet", "awkward"):
        try:
            __import__(module)
        except ImportError as error:
            raise InputError(
                f"the fast detector needs {error.name}, found none: pip install 'jaxunfold[sim]'"
            ) from error


def measure(table: Table, detector: Mapping[str, Any]) -> dict[str, Column]:
    """Electrons, jets and missing momentum of each event; the same seed and file give the same.

    The detector is that of ``simulation.detector``: it looks for e- and e+, and events without both have no jets.
    """
    card = cards.from_dict(dict(detector["card"]))
    status, counts = table.columns["Particle.Status"]
    stable = status == STABLE
    event = np.repeat(np.arange(table.num_events), counts)[stable]
    pid = table.columns["Particle.PID"].values[stable].astype(np.int64)
    stacked = {}
    for key, names in (("momentum", ("E", "Px", "Py", "Pz")), ("vertex", ("X", "Y", "Z"))):
        stacked[key] = np.stack([table.columns[f"Particle.{name}"].values[stable] for name in names], axis=-1)
        if not np.isfinite(stacked[key]).all():
            row = table.first + int(event[np.argwhere(~np.isfinite(stacked[key]))[0][0]])
            raise InputError(
                f"{table.path}: event {row}: Particle {key} expected finite numbers, found NaN or infinity"
            )
    particles = Particles(pid, stacked["momentum"], stacked["vertex"] * 1e-3, charges(pid), event)
    parts: list[dict[str, Column]] = []
    for start in range(0, table.num_events, BATCH):
        stop = min(start + BATCH, table.num_events)
        mine = (event >= start) & (event < stop)
        batch = Particles(*(values[mine] for values in particles))._replace(event=event[mine] - start)
        rng = np.random.default_rng([detector.get("seed", 0), table.first + start])
        parts.append(_one_batch(rng, card, batch, stop - start))
    out = {}
    for name in MADE:
        columns = [part[name] for part in parts]
        lists = columns[0].counts is not None
        out[name] = Column(
            np.concatenate([c.values for c in columns]),
            np.concatenate([c.counts for c in columns]) if lists else None,
        )
    return out


def charges(pid: np.ndarray) -> np.ndarray:
    """Electric charge of PDG ids in units of e."""
    charge = need("particle.pdgid", "the fast detector").charge
    ids, inverse = np.unique(pid, return_inverse=True)
    return np.array([float(charge(int(i)) or 0.0) for i in ids])[inverse]


def _one_batch(rng: np.random.Generator, card: cards.Card, particles: Particles, num: int) -> dict[str, Column]:
    detected = detect(rng, card, particles)
    jets = find_jets(card, detected, num)
    e = detected.electrons
    order = np.argsort(e.event, kind="stable")
    met = np.stack([-np.bincount(detected.event, detected.momentum[:, i], minlength=num) for i in (1, 2)])
    out = {"MissingET.MET": Column(np.hypot(*met)), "MissingET.Phi": Column(np.arctan2(met[1], met[0]))}
    counts = np.bincount(e.event, minlength=num)
    out |= {f"Electron.{name}": Column(v, counts) for name, v in _polar(e.momentum[order]).items() if name != "Mass"}
    out["Electron.Charge"] = Column(e.charge[order], counts)
    counts = np.bincount(jets.event, minlength=num)
    return out | {f"Jet.{name}": Column(values, counts) for name, values in _polar(jets.momentum).items()}


def _polar(p: np.ndarray) -> dict[str, np.ndarray]:
    pt = np.hypot(p[:, 1], p[:, 2])
    mass2 = p[:, 0] ** 2 - np.sum(p[:, 1:] ** 2, axis=-1)
    eta = np.arcsinh(p[:, 3] / np.maximum(pt, 1e-12))
    return {"PT": pt, "Eta": eta, "Phi": np.arctan2(p[:, 2], p[:, 1]), "Mass": np.sqrt(np.maximum(mass2, 0))}
