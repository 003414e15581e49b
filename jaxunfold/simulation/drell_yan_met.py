"""A Z and its jets as the detector shows them, with the missing transverse momentum of pile-up collisions.

The events of Hashemi et al., arXiv:1901.05282; the review arXiv:2008.08558, section 4.1. Electron and positron, the
number of jets, missing momentum and the number of pile-up collisions, all turned so that the electron has azimuth
zero. Pile-up is laid over as sums of transverse momentum, drawn from a pool of collisions of its own and turned at
random: it adds to the missing momentum and to nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxunfold.data.events import Events
from jaxunfold.errors import InputError
from jaxunfold.simulation import STREAM, cards, generator
from jaxunfold.simulation.chunk import pythia_seed
from jaxunfold.simulation.detector import detect, energy_flow
from jaxunfold.simulation.jets import find_jets
from jaxunfold.simulation.selection import pt_eta_phi

COLUMNS = ("pt_em", "eta_em", "pt_ep", "eta_ep", "dphi", "met_px", "met_py", "jets", "vertices")
UNITS = ("GeV", "", "GeV", "", "", "GeV", "GeV", "", "")


class DrellYan(NamedTuple):
    """name: as recorded in the file; sqrt_s_gev: collision energy; pythia: Pythia's own "Group:key = value" lines.

    pileup: mean number of further collisions, of a Poisson distribution. pileup_pythia: their lines. pool: how many
    different ones there are. electron_pt_min_gev, jet_pt_min_gev, eta_max: what counts. detector: the card. batch:
    collisions per pass.
    """

    name: str
    sqrt_s_gev: float
    pythia: tuple[str, ...]
    pileup: float
    pileup_pythia: tuple[str, ...]
    pool: int
    electron_pt_min_gev: float
    jet_pt_min_gev: float
    eta_max: float
    detector: cards.Card
    batch: int


def from_config(config: Mapping[str, Any]) -> DrellYan:
    """A process from a config's values. Raises InputError for a missing or unknown key, or a number out of range."""
    if wrong := sorted(set(config) ^ set(DrellYan._fields)):
        raise InputError(f"config: expected the keys {', '.join(DrellYan._fields)}; wrong: {', '.join(wrong)}")
    lines = {name: tuple(config[name]) for name in ("pythia", "pileup_pythia")}
    process = DrellYan(**{**config, **lines, "detector": cards.from_dict(dict(config["detector"]))})
    if process.pileup < 0 or process.pool < 1 or process.batch < 1:
        raise InputError(
            "config: expected pileup >= 0 and pool and batch of 1 or more, found "
            f"{process.pileup}, {process.pool} and {process.batch}"
        )
    return process


def simulate(
    process: DrellYan,
    seed: int,
    num_events: int,
    progress: Callable[[int], None] | None = None,
    most: int = 20_000_000,
) -> Events:
    """A table of ``num_events`` events, ``COLUMNS``; jets and vertices have a uniform number below one added.

    Args: progress: Called with the number of events made since the last call.
    Raises: InputError where ``most`` collisions give too few, or a package is missing.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    pool = pool_of(process, rng, seed)
    settings = (f"Beams:eCM = {process.sqrt_s_gev}", *process.pythia)
    engine, records = generator.start(settings, pythia_seed(seed, 0), None, None)
    rows, tried, found = [], 0, 0
    while found < num_events:
        if tried >= most:
            raise InputError(f"config: expected {num_events} events, found {found} in {tried} collisions")
        events = generator.next_batch(engine, records, process.batch)
        table = one_batch(process, rng, events, pool)
        rows.append(table)
        if progress is not None:
            progress(min(len(table), num_events - found))
        tried, found = tried + process.batch, found + len(table)
    table = np.concatenate(rows)[:num_events].astype(np.float32)
    return Events(
        reco=np.zeros((num_events, 0), np.float32), truth=table, truth_names=COLUMNS, truth_units=UNITS,
        attrs={
            "process": process.name, "sqrt_s_gev": process.sqrt_s_gev, "seed": seed, "collisions": tried,
            "generator": f"Pythia 8 (pythia8mc); detector: {process.detector.name}", "code_version": STREAM,
        },
    )  # fmt: skip


def pool_of(process: DrellYan, rng: np.random.Generator, seed: int) -> Float[np.ndarray, "pool 2"]:
    """Summed (px, py) of the energy flow of pile-up collisions, in GeV."""
    settings = (f"Beams:eCM = {process.sqrt_s_gev}", *process.pileup_pythia)
    engine, records = generator.start(settings, pythia_seed(seed, 1), None, None)
    sums = np.zeros((0, 2))
    while len(sums) < process.pool:
        events = generator.next_batch(engine, records, min(process.batch, process.pool - len(sums)))
        momentum, event = energy_flow(rng, process.detector, events.particles)
        more = [np.bincount(event, momentum[:, i], minlength=events.num_events) for i in (1, 2)]
        sums = np.concatenate([sums, np.stack(more, -1)])
    return sums


def one_batch(process: DrellYan, rng: np.random.Generator, events, pool) -> Float[np.ndarray, "k 9"]:
    """``COLUMNS`` of the accepted events of a batch: exactly one electron and one positron that count."""
    num = events.num_events
    seen = detect(rng, process.detector, events.particles)
    pt, eta, phi = pt_eta_phi(seen.electrons.momentum)
    good = (pt > process.electron_pt_min_gev) & (np.abs(eta) < process.eta_max)
    pair, accepted = np.zeros((num, 2, 3)), np.ones(num, bool)
    for place, sign in enumerate((-1, 1)):
        mine = good & (seen.electrons.charge == sign)
        accepted &= np.bincount(seen.electrons.event[mine], minlength=num) == 1
        pair[seen.electrons.event[mine], place] = np.stack([pt, eta, phi], -1)[mine]
    jets = find_jets(process.detector, seen, num)
    jet_pt, jet_eta, _ = pt_eta_phi(jets.momentum)
    counts = (jet_pt > process.jet_pt_min_gev) & (np.abs(jet_eta) < process.eta_max)
    num_jets = np.bincount(jets.event[counts], minlength=num)
    vertices = rng.poisson(process.pileup, num)
    of = np.repeat(np.arange(num), vertices)
    over = pool[rng.integers(len(pool), size=len(of))]
    met = np.stack(
        [
            -np.bincount(seen.event, seen.momentum[:, i], minlength=num) - np.bincount(of, turned, minlength=num)
            for i, turned in zip((1, 2), turn(over, rng.uniform(0, 2 * np.pi, len(over))).T)
        ],
        -1,
    )
    row = np.flatnonzero(accepted)
    met = turn(met[row], -pair[row, 0, 2])
    dphi = np.mod(pair[row, 1, 2] - pair[row, 0, 2], 2 * np.pi) - np.pi
    whole = np.stack([num_jets[row], vertices[row]], -1)
    whole = whole + rng.uniform(size=whole.shape)
    return np.column_stack([pair[row, 0, :2], pair[row, 1, :2], dphi, met, whole])


def turn(xy: Float[np.ndarray, "n 2"], angle: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
    """Vectors turned by angles: with them a pool's collisions may come from any side."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * xy[:, 0] - sin * xy[:, 1], sin * xy[:, 0] + cos * xy[:, 1]], -1)
