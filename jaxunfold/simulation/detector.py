"""The fast detector: stable particles of a batch of events in, electrons, towers and missing momentum out.

The steps follow the card: propagation to the calorimeter, track efficiency and resolution, electromagnetic
and hadronic towers, energy flow, then identification and isolation of electrons and photons.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxunfold.simulation import response
from jaxunfold.simulation.calorimeter import Measured, Towers, Tracks, measure
from jaxunfold.simulation.cards import Card
from jaxunfold.simulation.propagation import Impact, propagate

ELECTRON, MUON = 11, 13
HIGH_PT = 1e6


class Particles(NamedTuple):
    """Stable particles of a batch, ordered by event: (E, px, py, pz) in GeV, vertex in metres, charge in
    units of e."""

    pdg: Int[np.ndarray, " n"]
    momentum: Float[np.ndarray, "n 4"]
    vertex_m: Float[np.ndarray, "n 3"]
    charge: Float[np.ndarray, " n"]
    event: Int[np.ndarray, " n"]


class Electrons(NamedTuple):
    """Identified, isolated electrons: charge, (E, px, py, pz), event, and the electromagnetic tower they
    share."""

    charge: Float[np.ndarray, " k"]
    momentum: Float[np.ndarray, "k 4"]
    event: Int[np.ndarray, " k"]
    tower: Int[np.ndarray, " k"]


class Detected(NamedTuple):
    """What the detector hands to jet finding: towers' four-momenta and events, ordered by event.

    claimed: towers that belong to an isolated electron or photon, whose jets are dropped.
    """

    electrons: Electrons
    momentum: Float[np.ndarray, "m 4"]
    event: Int[np.ndarray, " m"]
    claimed: np.ndarray


class Signals(NamedTuple):
    """Visible particles that reach the calorimeter, and what both calorimeters and the tracker make of them.

    luck: their random numbers; eta, phi: where they fly; hit_eta: where they enter the calorimeter.
    hcal.tracks: measured charged particles, with energies corrected by both calorimeters.
    """

    particles: Particles
    luck: Float[np.ndarray, "n 2"]
    eta: Float[np.ndarray, " n"]
    phi: Float[np.ndarray, " n"]
    hit_eta: Float[np.ndarray, " n"]
    ecal: Measured
    hcal: Measured


def massless(energy, eta, phi) -> Float[np.ndarray, "n 4"]:
    """Massless four-momenta of this energy and direction."""
    pt = energy / np.cosh(eta)
    return np.stack([energy, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1)


def detect(rng: np.random.Generator, card: Card, particles: Particles) -> Detected:
    """Run the detector of ``card`` over a batch of events.

    Events without a findable electron and a findable positron leave no towers: nothing could be selected
    from them.
    """
    luck = rng.random((len(particles.pdg), 2))  # first column: is the track found; second: is it identified
    keep = _findable(card, particles, luck)[particles.event]
    seen = signals(rng, card, Particles(*(values[keep] for values in particles)), luck[keep])
    particles, luck, eta, phi, hit_eta, ecal, hcal = seen
    kind = np.abs(particles.pdg)

    # energy flow: what isolation counts, without electrons (and muons, which are not tracked here)
    track = hcal.tracks.particle
    hadron = kind[track] != ELECTRON
    flow_eta = np.concatenate([eta[track][hadron], ecal.towers.eta, hcal.towers.eta])
    flow_phi = np.concatenate([phi[track][hadron], ecal.towers.phi, hcal.towers.phi])
    flow_event = np.concatenate([particles.event[track][hadron], ecal.towers.event, hcal.towers.event])
    neutral = np.concatenate([ecal.towers.excess, hcal.towers.excess])
    flow_pt = np.concatenate([hcal.tracks.energy[hadron], neutral]) / np.cosh(flow_eta)
    flow_own = np.concatenate([np.full(hadron.sum(), -1), np.arange(len(neutral))])
    flowing = flow_pt > card.isolation_pt_min_gev
    flow = tuple(values[flowing] for values in (flow_event, flow_eta, flow_phi, flow_pt, flow_own))

    gamma = np.flatnonzero(ecal.towers.excess > 0)
    gamma_pt = ecal.towers.excess[gamma] / np.cosh(ecal.towers.eta[gamma])
    gamma = gamma[rng.random(len(gamma)) < _efficiency(card.photon_efficiency, ecal.towers.eta[gamma], gamma_pt)]
    gamma_pt = ecal.towers.excess[gamma] / np.cosh(ecal.towers.eta[gamma])
    towers = ecal.towers
    around = _activity(card, flow, towers.event[gamma], towers.eta[gamma], towers.phi[gamma], gamma)
    photon_towers = gamma[around <= card.isolation_ratio_max * gamma_pt]

    e = np.flatnonzero(~hadron)
    e_pt = hcal.tracks.energy[e] / np.cosh(eta[track[e]])
    e = e[luck[track[e], 1] < _efficiency(card.electron_efficiency, hit_eta[track[e]], e_pt)]
    e_pt = hcal.tracks.energy[e] / np.cosh(eta[track[e]])
    around = _activity(card, flow, particles.event[track[e]], eta[track[e]], phi[track[e]], np.full(len(e), -2))
    e_tower = ecal.tower_of_track[e]
    good = (around <= card.isolation_ratio_max * e_pt) & ~np.isin(e_tower, photon_towers)
    e, e_tower = e[good], e_tower[good]
    at = track[e]
    momentum = massless(hcal.tracks.energy[e], eta[at], phi[at])
    electrons = Electrons(particles.charge[at], momentum, particles.event[at], e_tower)

    claimed = np.zeros(len(ecal.towers.energy) + len(hcal.towers.energy), bool)
    claimed[photon_towers] = True
    claimed[e_tower[e_tower >= 0]] = True
    return _merge_towers(electrons, ecal.towers, hcal.towers, claimed)


def signals(rng: np.random.Generator, card: Card, particles: Particles, luck: np.ndarray) -> Signals:
    """Propagation, tracks and towers. luck: of each particle, uniform; the first number: is its track found."""
    keep = ~np.isin(np.abs(particles.pdg), (12, 14, 16))
    particles, luck = Particles(*(values[keep] for values in particles)), luck[keep]
    impact = _propagate(card, particles)
    particles, luck = Particles(*(values[impact.ok] for values in particles)), luck[impact.ok]
    hit_eta, hit_phi = impact.eta[impact.ok], impact.phi[impact.ok]
    kind, p = np.abs(particles.pdg), particles.momentum
    pt = np.hypot(p[:, 1], p[:, 2])
    eta = np.arcsinh(p[:, 3] / np.maximum(pt, 1e-9))
    phi = np.arctan2(p[:, 2], p[:, 1])
    tracks = _tracks(rng, card, kind, particles.charge, pt, eta, hit_eta, luck[:, 0])
    common = (particles.pdg, p[:, 0], hit_eta, hit_phi, particles.event)
    ecal = measure(rng, card.ecal, *common, tracks)
    hcal = measure(rng, card.hcal, *common, ecal.tracks)
    return Signals(particles, luck, eta, phi, hit_eta, ecal, hcal)


def energy_flow(
    rng: np.random.Generator, card: Card, particles: Particles
) -> tuple[Float[np.ndarray, "m 4"], Int[np.ndarray, " m"]]:
    """(Massless momenta, their events), by event: tracks and what the towers have beyond them, of every event."""
    seen = signals(rng, card, particles, rng.random((len(particles.pdg), 2)))
    tracks, towers = seen.hcal.tracks, (seen.ecal.towers, seen.hcal.towers)
    energy = np.concatenate([tracks.energy, *(each.excess for each in towers)])
    eta = np.concatenate([seen.eta[tracks.particle], *(each.eta for each in towers)])
    phi = np.concatenate([seen.phi[tracks.particle], *(each.phi for each in towers)])
    event = np.concatenate([seen.particles.event[tracks.particle], *(each.event for each in towers)])
    order = np.argsort(event, kind="stable")
    order = order[energy[order] > 0]
    return massless(energy, eta, phi)[order], event[order]


def _merge_towers(electrons: Electrons, ecal: Towers, hcal: Towers, claimed: np.ndarray) -> Detected:
    """Both calorimeters' towers above threshold, ordered by event; of events with a pair of electrons
    only."""
    energy = np.concatenate([ecal.energy, hcal.energy])
    event = np.concatenate([ecal.event, hcal.event])
    eta, phi = np.concatenate([ecal.eta, hcal.eta]), np.concatenate([ecal.phi, hcal.phi])
    num_events = int(event.max(initial=-1)) + 1
    signs = (electrons.event[electrons.charge == sign] for sign in (-1, 1))
    pair = np.logical_and(*(np.bincount(event_of, minlength=num_events) > 0 for event_of in signs))
    order = np.argsort(event, kind="stable")
    order = order[(energy[order] > 0) & pair[event[order]]]
    momentum = massless(energy[order], eta[order], phi[order])
    return Detected(electrons, momentum, event[order], claimed[order])


def _propagate(card: Card, particles: Particles) -> Impact:
    """Where the particles enter the calorimeter."""
    solenoid = (card.radius_m, card.half_length_m, card.bz_tesla)
    return propagate(particles.momentum, particles.vertex_m, particles.charge, *solenoid)


def _findable(card: Card, particles: Particles, luck: np.ndarray) -> np.ndarray:
    """Events in which a track of either charge is found and would be identified, were its pT high:
    [events]."""
    num_events = int(particles.event.max(initial=-1)) + 1
    at = np.flatnonzero(np.abs(particles.pdg) == ELECTRON)
    electrons = Particles(*(values[at] for values in particles))
    impact = _propagate(card, electrons)
    pt = np.hypot(electrons.momentum[:, 1], electrons.momentum[:, 2])
    found = impact.ok & (luck[at, 0] < _efficiency(card.electron_track_efficiency, impact.eta, pt))
    found &= luck[at, 1] < _efficiency(card.electron_efficiency, impact.eta, np.full(len(at), HIGH_PT))
    signs = [np.bincount(electrons.event[found & (electrons.charge * s > 0)], minlength=num_events) for s in (1, -1)]
    return (signs[0] > 0) & (signs[1] > 0)


def _tracks(rng, card: Card, kind, charge, pt, eta, hit_eta, luck) -> Tracks:
    """Charged hadrons' and electrons' tracks that are found, with smeared energies."""
    charged = np.flatnonzero((charge != 0) & (kind != MUON))
    electron, at, at_pt = kind[charged] == ELECTRON, hit_eta[charged], pt[charged]
    efficiency = np.where(
        electron,
        _efficiency(card.electron_track_efficiency, at, at_pt),
        _efficiency(card.hadron_track_efficiency, at, at_pt),
    )
    found = luck[charged] < efficiency
    charged, electron, at, at_pt = charged[found], electron[found], at[found], at_pt[found]
    resolution = np.where(
        electron,
        response.track_resolution(card.electron_track_resolution, at, at_pt),
        response.track_resolution(card.hadron_track_resolution, at, at_pt),
    )
    resolution = np.minimum(resolution, 1.0)
    energy = response.log_normal(rng, at_pt, resolution * at_pt) * np.cosh(eta[charged])
    return Tracks(charged, energy, resolution)


def _efficiency(rows, eta, pt) -> Float[np.ndarray, " n"]:
    """An efficiency table at these pseudorapidities and transverse momenta."""
    return response.lookup(rows, np.abs(eta), pt)[:, 0]


def _activity(card: Card, flow: tuple, event, eta, phi, own) -> Float[np.ndarray, " k"]:
    """Summed pT of the energy flow around each candidate, itself left out, in GeV.

    Candidates are taken one rank per event at a time: as many passes as the busiest event has candidates.
    """
    flow_event, flow_eta, flow_phi, flow_pt, flow_own = flow
    total = np.zeros(len(event))
    if len(event) == 0 or len(flow_event) == 0:
        return total
    order = np.argsort(event, kind="stable")
    first = np.searchsorted(event[order], event[order], side="left")
    rank = np.empty(len(event), int)
    rank[order] = np.arange(len(event)) - first
    size = max(event.max(), flow_event.max()) + 1
    for r in range(rank.max() + 1):
        here = np.flatnonzero(rank == r)
        candidate = np.full(size, -1)
        candidate[event[here]] = here
        near = candidate[flow_event]
        pairs = np.flatnonzero(near >= 0)
        c = near[pairs]
        dphi = np.mod(flow_phi[pairs] - phi[c] + np.pi, 2 * np.pi) - np.pi
        inside = (flow_eta[pairs] - eta[c]) ** 2 + dphi**2 <= card.isolation_dr**2
        inside &= flow_own[pairs] != own[c]
        total += np.bincount(c[inside], weights=flow_pt[pairs][inside], minlength=len(event))
    return total
