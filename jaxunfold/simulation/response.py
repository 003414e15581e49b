"""The card's formulas, evaluated on arrays: table look-ups, resolutions and log-normal smearing."""

import numpy as np
from jaxtyping import Float

from jaxunfold.simulation.cards import Rows


def lookup(rows: Rows, *bounded: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n v"]:
    """Values of the first row whose upper bounds hold for every one of ``bounded``; zero beyond the last row.

    Args:
      rows: (bound of the first quantity, ..., values).
      bounded: One array per bound, e.g. |eta| and pT in GeV.
    """
    num = len(bounded)
    out = np.zeros((len(bounded[0]), len(rows[0]) - num))
    for row in reversed(rows):
        inside = np.logical_and.reduce([x <= bound for x, bound in zip(bounded, row)])
        out[inside] = row[num:]
    return out


def track_resolution(
    rows: Rows, eta: Float[np.ndarray, " n"], pt: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Relative resolution of the transverse momentum, sqrt(a^2 + (b pT)^2)."""
    a, b = lookup(rows, np.abs(eta)).T
    return np.sqrt(a**2 + (b * pt) ** 2)


def energy_resolution(
    rows: Rows, eta: Float[np.ndarray, " n"], energy: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Absolute energy resolution in GeV, sqrt((c E)^2 + s^2 E + n^2)."""
    c, s, n = lookup(rows, np.abs(eta)).T
    return np.sqrt((c * energy) ** 2 + s**2 * energy + n**2)


def log_normal(
    rng: np.random.Generator, mean: Float[np.ndarray, " n"], sigma: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Log-normal numbers with this mean and standard deviation: never negative, as an energy must be."""
    safe = np.maximum(mean, 1e-12)
    spread2 = np.log1p((sigma / safe) ** 2)
    draw = np.exp(np.log(safe) - 0.5 * spread2 + np.sqrt(spread2) * rng.standard_normal(len(mean)))
    return np.where(mean > 0, draw, 0.0)


def energy_fraction(rows: Rows, pdg: np.ndarray) -> Float[np.ndarray, " n"]:
    """Share of each particle's energy that a calorimeter sees, by |PDG code|; code 0 is the default."""
    table = dict(rows)
    codes = np.array(sorted(table))
    shares = np.array([table[code] for code in codes])
    code = np.abs(pdg).astype(float)
    index = np.minimum(np.searchsorted(codes, code), len(codes) - 1)
    return np.where(codes[index] == code, shares[index], table[0])
