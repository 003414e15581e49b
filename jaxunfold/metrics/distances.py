"""Distances between two weighted one-dimensional samples: Wasserstein, Kolmogorov-Smirnov, triangular."""

import numpy as np
from jaxtyping import Float

from jaxunfold.metrics.quantiles import weighted_quantile

HISTOGRAM_BINS = 50


def cdf_difference(
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " m"],
    weight_x: Float[np.ndarray, " n"] | None = None,
    weight_y: Float[np.ndarray, " m"] | None = None,
) -> tuple[Float[np.ndarray, " nm"], Float[np.ndarray, " nm"]]:
    """All points of both samples in order, and F_x - F_y just after each of them.

    Weights may have any sign; each sample is normalised to a sum of one. Where points coincide, only the
    last of them has the value of the step.
    """
    wx = np.ones(len(x)) if weight_x is None else weight_x.astype(np.float64)
    wy = np.ones(len(y)) if weight_y is None else weight_y.astype(np.float64)
    points = np.concatenate([x, y])
    order = np.argsort(points)
    steps = np.concatenate([wx / wx.sum(), -wy / wy.sum()])
    return points[order], np.cumsum(steps[order])


def wasserstein(x, y, weight_x=None, weight_y=None) -> float:
    """W1 distance, the integral of |F_x - F_y|, in the unit of x; exact for weighted samples.

    Example:
      >>> wasserstein(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
      2.0
    """
    points, difference = cdf_difference(x, y, weight_x, weight_y)
    return float(np.sum(np.abs(difference[:-1]) * np.diff(points.astype(np.float64))))


def kolmogorov_smirnov(x, y, weight_x=None, weight_y=None) -> float:
    """Largest |F_x - F_y|; exact for weighted samples and ties.

    Example:
      >>> kolmogorov_smirnov(np.array([0.0, 1.0, 2.0, 3.0]), np.array([2.0, 3.0]))
      0.5
    """
    points, difference = cdf_difference(x, y, weight_x, weight_y)
    last_of_ties = np.append(points[1:] != points[:-1], True)
    return float(np.max(np.abs(difference[last_of_ties])))


def histogram_edges(
    truth: Float[np.ndarray, " n"],
    weight: Float[np.ndarray, " n"] | None = None,
    bins: int = HISTOGRAM_BINS,
) -> Float[np.ndarray, " edges"]:
    """Equal bins between the 0.5 and 99.5 per cent quantiles of truth, [bins + 1], in its unit."""
    low, high = weighted_quantile(truth, np.array([0.005, 0.995]), weight)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def density(
    x: Float[np.ndarray, " n"],
    edges: Float[np.ndarray, " edges"],
    weight: Float[np.ndarray, " n"] | None = None,
) -> Float[np.ndarray, " bins"]:
    """Histogram over bin widths and over the weight of all events, those outside the edges included."""
    counts, _ = np.histogram(x, edges, weights=weight)
    total = len(x) if weight is None else np.sum(weight, dtype=np.float64)
    return counts / (total * np.diff(edges))


def triangular_of_densities(p, q, widths):
    """10^3 * (1/2) * sum_b w_b (p_b - q_b)^2 / (p_b + q_b) over the first axis; empty bins count zero."""
    total = p + q
    widths = np.reshape(widths, (-1,) + (1,) * (np.ndim(p) - 1))
    safe = np.where(total > 0, total, 1.0)
    return 1e3 * 0.5 * np.sum(np.where(total > 0, widths * (p - q) ** 2 / safe, 0.0), axis=0)


def triangular(x, y, weight_x=None, weight_y=None, edges=None) -> float:
    """Triangular discriminator of two density histograms, times 10^3: 0 for equal, 10^3 for disjoint ones.

    Args:
      x, y: Samples, [n] and [m]; x is the truth.
      weight_x, weight_y: Weights of any sign.
      edges: Bin edges; None takes ``histogram_edges`` of x.
    """
    edges = histogram_edges(x, weight_x) if edges is None else edges
    return float(triangular_of_densities(density(x, edges, weight_x), density(y, edges, weight_y), np.diff(edges)))
