"""Large jets and their declusterings, of the particles and of what the detector's energy flow leaves of them.

Anti-kT jets are clustered again by Cambridge/Aachen and taken apart along the harder branch, which gives the primary
Lund plane of Dreyer, Salam, Soyez, arXiv:1807.04758, by fastjet's own tool.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxunfold.data.declusterings import Jets
from jaxunfold.errors import InputError
from jaxunfold.simulation import STREAM, cards, generator
from jaxunfold.simulation.chunk import pythia_seed
from jaxunfold.simulation.detector import energy_flow
from jaxunfold.simulation.jets import quiet_stdout
from jaxunfold.simulation.selection import pt_eta_phi

INVISIBLE = (12, 14, 16)
WIDE = 10.0
"""A radius within which Cambridge/Aachen leaves one jet of what is one already."""


class FatJets(NamedTuple):
    """name: as recorded in the file; sqrt_s_gev: collision energy; pythia: Pythia's own "Group:key = value" lines.

    radius: of anti-kT. pt_min_gev, pt_max_gev, eta_max: which particle-level jets are kept, of the ``leading`` ones.
    match_dr: a measured jet is the hardest one that near. most: declusterings kept of a jet, the first ones.
    detector: the card. batch: collisions per pass.
    """

    name: str
    sqrt_s_gev: float
    pythia: tuple[str, ...]
    radius: float
    pt_min_gev: float
    pt_max_gev: float
    eta_max: float
    leading: int
    match_dr: float
    most: int
    detector: cards.Card
    batch: int


def from_config(config: Mapping[str, Any]) -> FatJets:
    """A process from a config's values. Raises InputError for a missing or unknown key, or a number out of range."""
    if wrong := sorted(set(config) ^ set(FatJets._fields)):
        raise InputError(f"config: expected the keys {', '.join(FatJets._fields)}; wrong: {', '.join(wrong)}")
    card = cards.from_dict(dict(config["detector"]))
    process = FatJets(**{**config, "pythia": tuple(config["pythia"]), "detector": card})
    if not 0 < process.pt_min_gev < process.pt_max_gev or process.radius <= 0:
        raise InputError(
            "config: expected 0 < pt_min_gev < pt_max_gev and a positive radius, found "
            f"{process.pt_min_gev}, {process.pt_max_gev} and {process.radius}"
        )
    if min(process.leading, process.most, process.batch) < 1:
        raise InputError("config: expected leading, most and batch of 1 or more")
    return process


def simulate(
    process: FatJets,
    seed: int,
    num_jets: int,
    progress: Callable[[int], None] | None = None,
    most: int = 20_000_000,
) -> tuple[Jets, Jets, dict]:
    """``num_jets`` jets at both levels, and what the file says of them.

    Args: progress: Called with the number of jets found since the last call.
    Raises: InputError where ``most`` collisions give too few, or a package is missing.
    """
    settings = (f"Beams:eCM = {process.sqrt_s_gev}", *process.pythia)
    engine, records = generator.start(settings, pythia_seed(seed, 0), None, None)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    parts, tried, found = [], 0, 0
    while found < num_jets:
        if tried >= most:
            raise InputError(f"config: expected {num_jets} jets, found {found} in {tried} collisions")
        events = generator.next_batch(engine, records, process.batch)
        part = one_batch(process, rng, events.particles, events.num_events)
        parts.append(part)
        if progress is not None:
            progress(min(len(part[0].pt), num_jets - found))
        tried, found = tried + process.batch, found + len(part[0].pt)
    truth, reco = (
        Jets(*(np.concatenate(values)[:num_jets].astype(np.float32) for values in zip(*levels)))
        for levels in zip(*parts)
    )
    detector = f"{process.detector.name}, energy flow"
    about = {
        "process": process.name, "sqrt_s_gev": process.sqrt_s_gev, "seed": seed, "radius": process.radius,
        "generator": f"Pythia 8 (pythia8mc); detector: {detector}; anti-kT {process.radius}",
        "collisions": tried, "code_version": STREAM,
    }  # fmt: skip
    return truth, reco, about


def one_batch(process: FatJets, rng: np.random.Generator, particles, num: int) -> tuple[Jets, Jets]:
    """The accepted jets of a batch at both levels."""
    seen = ~np.isin(np.abs(particles.pdg), INVISIBLE)
    levels = []
    for momentum, event in (
        (particles.momentum[seen], particles.event[seen]),
        energy_flow(rng, process.detector, particles),
    ):
        levels.append(find(momentum, event, num, process.radius, 0.5 * process.pt_min_gev))
    truth, reco = levels
    pt, eta, phi = pt_eta_phi(truth.momentum)
    first = np.searchsorted(truth.event, truth.event, side="left")
    wanted = (np.arange(len(pt)) - first < process.leading) & (np.abs(eta) < process.eta_max)
    wanted &= (pt > process.pt_min_gev) & (pt < process.pt_max_gev)
    _, reco_eta, reco_phi = pt_eta_phi(reco.momentum)
    kept, partner = [], []
    for at in np.flatnonzero(wanted):
        low, high = np.searchsorted(reco.event, [truth.event[at], truth.event[at] + 1])
        dphi = np.mod(reco_phi[low:high] - phi[at] + np.pi, 2 * np.pi) - np.pi
        near = np.flatnonzero(np.hypot(reco_eta[low:high] - eta[at], dphi) < process.match_dr)
        if len(near):
            kept.append(at)
            partner.append(low + near[0])
    return decluster(truth, np.array(kept, int), process.most), decluster(reco, np.array(partner, int), process.most)


class Found(NamedTuple):
    """Jets of a batch by event and falling pT: (E, px, py, pz) in GeV, event, and their constituents' momenta."""

    momentum: Float[np.ndarray, "j 4"]
    event: Int[np.ndarray, " j"]
    constituents: list[np.ndarray]


def rows_of(momentum: Float[np.ndarray, "n 4"], counts):
    """fastjet's form of momenta, ``counts`` of them to a row."""
    import awkward as ak

    columns = {name: momentum[:, i] for name, i in (("px", 1), ("py", 2), ("pz", 3), ("E", 0))}
    return ak.unflatten(ak.zip(columns, with_name="Momentum4D"), counts)


def find(momentum, event, num: int, radius: float, pt_min_gev: float) -> Found:
    """Anti-kT jets above ``pt_min_gev`` of momenta ordered by event."""
    import awkward as ak
    import fastjet

    counts = np.bincount(event, minlength=num)
    with quiet_stdout():
        definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
        members = fastjet.ClusterSequence(rows_of(momentum, counts), definition).constituent_index(min_pt=pt_min_gev)
    jet_event = np.repeat(np.arange(num), ak.num(members, axis=1).to_numpy())
    sizes = ak.flatten(ak.num(members, axis=2)).to_numpy()
    start = np.concatenate([[0], np.cumsum(counts)[:-1]])
    member = ak.flatten(ak.flatten(members)).to_numpy() + np.repeat(start[jet_event], sizes)
    pieces = np.split(momentum[member], np.cumsum(sizes)[:-1]) if len(sizes) else []
    total = np.array([piece.sum(0) for piece in pieces]).reshape(-1, 4)
    order = np.lexsort((-np.hypot(total[:, 1], total[:, 2]), jet_event))
    return Found(total[order], jet_event[order], [pieces[i] for i in order])


def cluster(momentum, event, num: int, radius: float, pt_min_gev: float):
    """(momenta [j, 4] of the anti-kT jets above ``pt_min_gev``, their events [j]), of momenta ordered by event."""
    import awkward as ak
    import fastjet

    with quiet_stdout():
        definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
        rows = rows_of(momentum, np.bincount(event, minlength=num))
        jets = fastjet.ClusterSequence(rows, definition).inclusive_jets(min_pt=pt_min_gev)
    flat = ak.flatten(jets)
    out = np.stack([ak.to_numpy(flat[name]) for name in ("E", "px", "py", "pz")], -1)
    return out, np.repeat(np.arange(num), ak.num(jets).to_numpy())


def decluster(found: Found, chosen: Int[np.ndarray, " k"], most: int) -> Jets:
    """The first ``most`` declusterings of the chosen jets, along the branch of the larger pT."""
    import awkward as ak
    import fastjet

    delta, kt = np.zeros((2, len(chosen), most))
    if len(chosen):
        pieces = [found.constituents[i] for i in chosen]
        rows = rows_of(np.concatenate(pieces), [len(piece) for piece in pieces])
        with quiet_stdout():
            definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, WIDE)
            splittings = fastjet.ClusterSequence(rows, definition).exclusive_jets_lund_declusterings(1)[:, 0]
        counts = ak.num(splittings.kt).to_numpy()
        row = np.repeat(np.arange(len(counts)), counts)
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        inside = place < most
        for out, values in ((delta, splittings.Delta), (kt, splittings.kt)):
            out[row[inside], place[inside]] = ak.flatten(values).to_numpy()[inside]
    p = found.momentum[chosen]
    mass = np.sqrt(np.maximum(p[:, 0] ** 2 - np.sum(p[:, 1:] ** 2, -1), 0))
    return Jets(delta, kt, np.hypot(p[:, 1], p[:, 2]), mass)
