"""Two leading jets of collisions with a large H_T, turned so that the first lies at azimuth zero.

What the generators of Di Sipio et al., arXiv:1903.02433, learn: seven numbers, with whatever else is in the event as
the recoil of the two. Jets are of particles, or of what a detector measures of them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxunfold.data.events import Events
from jaxunfold.errors import InputError
from jaxunfold.simulation import STREAM, cards, generator
from jaxunfold.simulation.chunk import pythia_seed
from jaxunfold.simulation.detector import energy_flow
from jaxunfold.simulation.fat_jets import INVISIBLE, cluster
from jaxunfold.simulation.selection import pt_eta_phi

COLUMNS = ("pt_j1", "eta_j1", "m_j1", "pt_j2", "eta_j2", "m_j2", "dphi")
UNITS = ("GeV", "", "GeV", "GeV", "", "GeV", "")


class MultiJets(NamedTuple):
    """name: as recorded in the file; sqrt_s_gev: collision energy; pythia: Pythia's own "Group:key = value" lines.

    radius: of anti-kT. jet_pt_min_gev, jet_eta_max: which jets count. ht_min_gev: of their scalar sum of pT.
    mass_min_gev, deta_max: of the two leading ones together, and the distance of their pseudorapidities. detector:
    the card, or None for the particles themselves.
    batch: collisions per pass.
    """

    name: str
    sqrt_s_gev: float
    pythia: tuple[str, ...]
    radius: float
    jet_pt_min_gev: float
    jet_eta_max: float
    ht_min_gev: float
    mass_min_gev: float
    deta_max: float
    detector: cards.Card | None
    batch: int


def from_config(config: Mapping[str, Any]) -> MultiJets:
    """A process from a config's values. Raises InputError for a missing or unknown key, or a number out of range."""
    if wrong := sorted(set(config) ^ set(MultiJets._fields)):
        raise InputError(f"config: expected the keys {', '.join(MultiJets._fields)}; wrong: {', '.join(wrong)}")
    card = None if config["detector"] is None else cards.from_dict(dict(config["detector"]))
    process = MultiJets(**{**config, "pythia": tuple(config["pythia"]), "detector": card})
    if process.radius <= 0 or process.jet_pt_min_gev <= 0 or process.batch < 1:
        raise InputError(
            "config: expected a positive radius and jet_pt_min_gev and a batch of 1 or more, found "
            f"{process.radius}, {process.jet_pt_min_gev} and {process.batch}"
        )
    return process


def simulate(
    process: MultiJets,
    seed: int,
    num_events: int,
    progress: Callable[[int], None] | None = None,
    most: int = 100_000_000,
) -> Events:
    """A table of ``num_events`` events, ``COLUMNS``; weights are Pythia's, with a mean of one, where it has any.

    Args: progress: Called with the number of events made since the last call.
    Raises: InputError where ``most`` collisions give too few, or a package is missing.
    """
    settings = (f"Beams:eCM = {process.sqrt_s_gev}", *process.pythia)
    engine, records = generator.start(settings, pythia_seed(seed, 0), None, None)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    rows, weights, tried, found = [], [], 0, 0
    while found < num_events:
        if tried >= most:
            raise InputError(f"config: expected {num_events} events, found {found} in {tried} collisions")
        events = generator.next_batch(engine, records, process.batch)
        if process.detector is None:
            seen = ~np.isin(np.abs(events.particles.pdg), INVISIBLE)
            momentum, event = events.particles.momentum[seen], events.particles.event[seen]
        else:
            momentum, event = energy_flow(rng, process.detector, events.particles)
        table, kept = select(process, *leading(process, momentum, event, events.num_events))
        rows.append(table)
        weights.append(events.weight[kept])
        if progress is not None:
            progress(min(len(table), num_events - found))
        tried, found = tried + process.batch, found + len(table)
    table, weight = np.concatenate(rows)[:num_events], np.concatenate(weights)[:num_events]
    return Events(
        reco=np.zeros((num_events, 0), np.float32), truth=table.astype(np.float32),
        truth_names=COLUMNS, truth_units=UNITS,
        weight=None if np.ptp(weight) == 0 else (weight / weight.mean()).astype(np.float32),
        attrs={
            "process": process.name, "sqrt_s_gev": process.sqrt_s_gev, "seed": seed, "collisions": tried,
            "generator": f"Pythia 8 (pythia8mc); {level(process)}; anti-kT {process.radius}", "code_version": STREAM,
        },
    )  # fmt: skip


def level(process: MultiJets) -> str:
    """What the jets are of, in words."""
    return "particles" if process.detector is None else f"detector: {process.detector.name}, energy flow"


def leading(
    process: MultiJets, momentum: Float[np.ndarray, "n 4"], event, num: int
) -> tuple[Float[np.ndarray, "num 2 4"], Float[np.ndarray, " num"]]:
    """(the two jets of largest pT, zero where there are none; the scalar sum of pT of all) of each event."""
    jets, of = cluster(momentum, event, num, process.radius, process.jet_pt_min_gev)
    pt, eta, _ = pt_eta_phi(jets)
    good = np.abs(eta) < process.jet_eta_max
    jets, of, pt = jets[good], of[good], pt[good]
    order = np.lexsort((-pt, of))
    jets, of = jets[order], of[order]
    rank = np.arange(len(of)) - np.searchsorted(of, of, side="left")
    two = np.zeros((num, 2, 4))
    two[of[rank < 2], rank[rank < 2]] = jets[rank < 2]
    return two, np.bincount(of, pt[order], minlength=num)


def select(process: MultiJets, two: Float[np.ndarray, "n 2 4"], ht: Float[np.ndarray, " n"]):
    """(``COLUMNS`` of the accepted events [k, 7], their rows [k]). dphi: of the second jet from back to back."""
    pt, eta, phi = pt_eta_phi(two)
    good = (pt[:, 1] > 0) & (ht > process.ht_min_gev) & (np.abs(eta[:, 0] - eta[:, 1]) < process.deta_max)
    kept = np.flatnonzero(good & (mass(two.sum(1)) > process.mass_min_gev))
    pt, eta, phi, own = pt[kept], eta[kept], phi[kept], mass(two[kept])
    dphi = np.mod(phi[:, 1] - phi[:, 0], 2 * np.pi) - np.pi
    return np.column_stack([pt[:, 0], eta[:, 0], own[:, 0], pt[:, 1], eta[:, 1], own[:, 1], dphi]), kept


def mass(p: Float[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n"]:
    """Invariant mass in GeV."""
    return np.sqrt(np.maximum(p[..., 0] ** 2 - np.sum(p[..., 1:] ** 2, -1), 0))
