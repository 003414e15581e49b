r"""Do generated events cover the azimuth evenly? No direction around the beam is any different from others.

Given how far apart in azimuth two particles are, the angle of the first is uniform: no true events are needed.
With counts :math:`n_{ij}` in bins j of the angle and i of the distance, of :math:`n_i` events and B bins each,

.. math:: \chi^2 = \sum_{ij} \frac{(n_{ij} - n_i / B)^2}{n_i / B}, \qquad
          \delta^2 = \frac{\chi^2 - \mathrm{dof}}{N}

where :math:`\delta` is the relative deviation of the density from an even one, rms over events, freed of statistics.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Evenness(NamedTuple):
    """chi2: per degree of freedom. deviation, error: delta and the statistical error of its square over 2 delta.

    empty, expected_empty: cells without an event, and how many even statistics would leave.
    """

    chi2: float
    deviation: float
    error: float
    empty: int
    expected_empty: float


def cells(phi: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"], bins: int) -> np.ndarray:
    """Counts in bins of the distance in azimuth from the first particle to the other, and of the first's azimuth."""
    first = np.floor(np.mod(phi, 2 * np.pi) / (2 * np.pi) * bins).astype(int) % bins
    apart = np.floor(np.mod(other - phi, 2 * np.pi) / (2 * np.pi) * bins).astype(int) % bins
    return np.bincount(apart * bins + first, minlength=bins**2).reshape(bins, bins)


def evenness(counts: Float[np.ndarray, "a b"] | np.ndarray) -> Evenness:
    """Of counts as ``cells`` gives them, of any number of events."""
    per_row = counts.sum(1, keepdims=True)
    expected = np.broadcast_to(per_row / counts.shape[1], counts.shape)
    used = expected > 0
    chi2 = float(np.sum((counts[used] - expected[used]) ** 2 / expected[used]))
    dof = int((per_row > 0).sum()) * (counts.shape[1] - 1)
    square, total = (chi2 - dof) / counts.sum(), counts.sum()
    deviation = float(np.sqrt(max(square, 0.0)))
    # the variance of chi2 is 2 dof and, of an uneven density, 4 N delta^2 more
    error = float(np.sqrt(2 * dof + 4 * max(chi2 - dof, 0.0)) / total / (2 * max(deviation, 1e-12)))
    return Evenness(
        chi2 / dof, deviation, min(error, 1.0), int((counts[used] == 0).sum()), float(np.exp(-expected[used]).sum())
    )
