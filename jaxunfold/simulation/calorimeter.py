"""Calorimeter towers and energy flow: particles in, smeared towers, corrected tracks and neutral excesses
out.

All events of a batch are done at once: a tower's key is its event's number times the number of towers,
plus its own.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxunfold.simulation.cards import Calorimeter
from jaxunfold.simulation.response import energy_fraction, energy_resolution, log_normal


class Tracks(NamedTuple):
    """Measured charged particles: which particle, energy in GeV, relative resolution."""

    particle: Int[np.ndarray, " t"]
    energy: Float[np.ndarray, " t"]
    resolution: Float[np.ndarray, " t"]


class Towers(NamedTuple):
    """Towers of a batch, ordered by event.

    energy: measured, zero under threshold; excess: what the tracks do not explain, zero unless significant.
    eta, phi: a random point of the tower; event: the tower's event.
    """

    energy: Float[np.ndarray, " m"]
    excess: Float[np.ndarray, " m"]
    eta: Float[np.ndarray, " m"]
    phi: Float[np.ndarray, " m"]
    event: Int[np.ndarray, " m"]


class Measured(NamedTuple):
    """Towers; tracks with energies corrected by them; the tower of each track, -1 where it deposits
    nothing here."""

    towers: Towers
    tracks: Tracks
    tower_of_track: Int[np.ndarray, " t"]


def measure(
    rng: np.random.Generator,
    card: Calorimeter,
    pdg: np.ndarray,
    energy: Float[np.ndarray, " n"],
    eta: Float[np.ndarray, " n"],
    phi: Float[np.ndarray, " n"],
    event: Int[np.ndarray, " n"],
    tracks: Tracks,
) -> Measured:
    """Sum the energies of particles in towers, smear, apply thresholds, and combine with the tracks.

    Energy flow as in Delphes 3.3: where the tower is the better measurement of a track, such tracks share
    what the tower has left after the others; else the tower's excess over its tracks, if significant, is a
    neutral.

    Args:
      pdg, energy, eta, phi, event: Particles where they enter the calorimeter, ordered by event.
      tracks: Measured tracks; ``particle`` points into these arrays.
    """
    edges = np.array([row[0] for row in card.towers])
    num_phi = np.array([row[1] for row in card.towers]).astype(int)
    num_phi[0] = 0
    offset = np.concatenate([[0], np.cumsum(num_phi)])

    share = energy_fraction(card.fractions, pdg)
    ring = np.searchsorted(edges, eta, side="left")
    hit = (share > 0) & (ring > 0) & (ring < len(edges))
    at = ring[hit]
    column = np.clip(np.ceil((phi[hit] + np.pi) / (2 * np.pi) * num_phi[at]).astype(int) - 1, 0, num_phi[at] - 1)
    keys, tower = np.unique(event[hit] * offset[-1] + offset[at] + column, return_inverse=True)
    tower_of_particle = np.full(len(energy), -1)
    tower_of_particle[hit] = tower
    size = len(keys)
    true = np.bincount(tower, weights=(energy * share)[hit], minlength=size)

    local = keys % offset[-1]
    ring = np.searchsorted(offset, local, side="right") - 1
    low, high = edges[ring - 1], edges[ring]
    width = 2 * np.pi / num_phi[ring]
    phi_low = -np.pi + (local - offset[ring]) * width
    centre = 0.5 * (low + high)

    measured = log_normal(rng, true, energy_resolution(card.resolution, centre, true))
    sigma = energy_resolution(card.resolution, centre, measured)
    threshold = np.maximum(card.energy_min_gev, card.significance_min * sigma)
    measured = np.where(measured < threshold, 0.0, measured)

    tower_of_track = tower_of_particle[tracks.particle]
    seen = tower_of_track >= 0
    index, track_energy = tower_of_track[seen], tracks.energy[seen]
    better = energy_resolution(card.resolution, centre[index], track_energy) < tracks.resolution[seen] * track_energy
    replaced = np.bincount(index, weights=track_energy * better, minlength=size)
    kept = np.bincount(index, weights=track_energy * ~better, minlength=size)
    left = np.maximum(measured - kept, 0.0)
    factor = np.where(better, left[index] / np.maximum(replaced[index], 1e-12), 1.0)
    corrected = tracks.energy.copy()
    corrected[seen] *= factor
    excess = np.where(replaced > 0, 0.0, left)
    threshold = energy_resolution(card.resolution, centre, excess) * card.significance_min
    excess = np.where(excess < np.maximum(card.energy_min_gev, threshold), 0.0, excess)

    towers = Towers(
        energy=measured,
        excess=excess,
        eta=low + (high - low) * rng.random(size),
        phi=phi_low + width * rng.random(size),
        event=keys // offset[-1],
    )
    return Measured(towers, tracks._replace(energy=corrected), tower_of_track)
