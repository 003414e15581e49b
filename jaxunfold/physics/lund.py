r"""The primary Lund plane of jets: images of it, and observables of its emissions.

Dreyer, Salam, Soyez, arXiv:1807.04758; the images of Carrazza, Dreyer, arXiv:1909.01359. An emission is a
declustering along the harder branch, at ln 1/Delta and ln kT, with Delta the distance of the branches and kT =
pT,soft Delta. Arrays [n, m] are zero where there is no emission, and ordered by falling Delta.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float


class Plane(NamedTuple):
    """angle: range of ln 1/Delta; kt: of ln kT / GeV; bins: pixels along each."""

    angle: tuple[float, float] = (0.0, 6.0)
    kt: tuple[float, float] = (-2.0, 6.0)
    bins: int = 16


def images(delta: Float[np.ndarray, "n m"], kt: Float[np.ndarray, "n m"], plane: Plane) -> Bool[np.ndarray, "n b b"]:
    """Pixels with an emission, [jet, ln 1/Delta, ln kT]; emissions outside of the plane are left out."""
    there = (delta > 0) & (kt > 0)
    angle, height = -np.log(np.where(there, delta, 1.0)), np.log(np.where(there, kt, 1.0))
    places = [
        np.floor((x - low) / (high - low) * plane.bins).astype(int)
        for x, (low, high) in ((angle, plane.angle), (height, plane.kt))
    ]
    for place in places:
        there &= (place >= 0) & (place < plane.bins)
    out = np.zeros((len(delta), plane.bins, plane.bins), bool)
    out[np.nonzero(there)[0], places[0][there], places[1][there]] = True
    return out


def emissions(image: Bool[np.ndarray, "n b b"], plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """(delta, kt) [n, m] of the activated pixels' centres, by falling Delta, then by falling kT."""
    n, bins = len(image), plane.bins
    # along the last axis the harder emission comes first
    flat = image[:, :, ::-1].reshape(n, -1)
    count = flat.sum(1)
    row, place = np.nonzero(flat)
    rank = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    steps = [(high - low) / bins for low, high in (plane.angle, plane.kt)]
    delta, kt = np.zeros((2, n, max(int(count.max(initial=0)), 1)))
    delta[row, rank] = np.exp(-(plane.angle[0] + (place // bins + 0.5) * steps[0]))
    kt[row, rank] = np.exp(plane.kt[0] + (bins - place % bins - 0.5) * steps[1])
    return delta, kt


def shares(
    delta: Float[np.ndarray, "n m"], kt: Float[np.ndarray, "n m"], pt: Float[np.ndarray, " n"]
) -> tuple[np.ndarray, np.ndarray]:
    """(z [n, m], pT of the branch that splits [n, m]): kT = z pT Delta, and what is left of pT goes on.

    Scalar sums take the place of vector ones, so that z may be off by some per cent; it is at most 1/2.
    """
    soft = np.where(delta > 0, kt / np.where(delta > 0, delta, 1.0), 0.0)
    z, branch, left = np.zeros_like(soft), np.zeros_like(soft), np.array(pt, np.float64)
    for i in range(soft.shape[1]):
        branch[:, i] = left
        z[:, i] = np.minimum(soft[:, i] / left, 0.5)
        left = left * (1 - z[:, i])
    return z, branch


def soft_drop_multiplicity(delta, kt, pt, z_cut: float = 0.007, beta: float = -1.0, radius: float = 1.0):
    """Emissions with z > z_cut (Delta / R)^beta, [n]: Frye, Larkoski, Thaler, Zhou, arXiv:1704.06266, Eq. (2.3)."""
    z, _ = shares(delta, kt, pt)
    there = delta > 0
    return np.sum(there & (z > z_cut * (np.where(there, delta, radius) / radius) ** beta), axis=1)


def tagged_mass(delta, kt, pt, z_cut: float = 0.1):
    """Mass at the first emission with z > z_cut, m^2 = z (1 - z) Delta^2 pT^2 in GeV, zero without one, [n].

    The modified mass drop tagger of Dasgupta, Fregoso, Marzani, Salam, arXiv:1307.0007.
    """
    z, branch = shares(delta, kt, pt)
    passed = z > z_cut
    rows, at = np.arange(len(z)), np.argmax(passed, axis=1)
    mass = np.sqrt(z * (1 - z))[rows, at] * delta[rows, at] * branch[rows, at]
    return np.where(passed.any(1), mass, 0.0)
