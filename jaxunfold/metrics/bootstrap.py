"""Bootstrap errors over events: an event is drawn with its truth and all its draws together.

Resampling 50 times 600,000 draws and sorting each again would take minutes. The values are therefore sorted
once into a fine grid, as a sparse matrix (bin, event); a replica is then one column of a matrix product.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import sparse

from jaxunfold.metrics.distances import triangular_of_densities

REPLICAS = 50


class Replicas(NamedTuple):
    """Fraction of the weight in each bin of a grid, for each bootstrap replica.

    edges: [bins + 1]; truth, draws: [bins, replicas], each column summing to one.
    """

    edges: np.ndarray
    truth: np.ndarray
    draws: np.ndarray


def multiplicities(n: int, replicas: int = REPLICAS, seed: int = 0) -> Float[np.ndarray, "n b"]:
    """How often each of n events occurs in each replica: multinomial, every column sums to n."""
    rng = np.random.default_rng(seed)
    counts = [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(replicas)]
    return np.stack(counts, axis=1).astype(np.float64)


def fine_grid(
    values: Float[np.ndarray, " n"], include: Float[np.ndarray, " m"], nodes: int = 800
) -> Float[np.ndarray, " edges"]:
    """Bin edges at quantiles of values, ever finer towards both tails, and those in ``include``."""
    ordered = np.sort(values).astype(np.float64)
    level = np.sin(0.5 * np.pi * np.linspace(0, 1, nodes)) ** 2
    at = np.rint(level * (len(ordered) - 1)).astype(int)
    return np.unique(np.concatenate([ordered[at], include]))


def histogram_matrix(values, weight, event, n_events, edges) -> sparse.csr_matrix:
    """Weight of each event in each bin, sparse [bins, n_events]; the last bin includes its upper edge."""
    order = np.argsort(values)
    starts = np.searchsorted(values[order], edges[1:-1], side="left")
    pointers = np.concatenate([[0], starts, [len(values)]])
    return sparse.csr_matrix(
        (weight[order].astype(np.float64), event[order], pointers), shape=(len(edges) - 1, n_events)
    )


def replicate(truth, draws, weight, draw_weight, truth_counts, draw_counts, include) -> Replicas:
    """Resample truth and draws.

    Args:
      truth: [n]; weight: [n].
      draws: [m, k]; draw_weight: [m, k]. m = n, unless one weighted sample serves all events.
      truth_counts: [n, b], draw_counts: [m, b], from ``multiplicities``: the same array where event i of the
        draws belongs to event i of the truth, so that they move together.
      include: Edges that the grid must contain, those of the histogram.
    """
    flat = draws.reshape(-1)
    edges = fine_grid(np.concatenate([truth, flat]), include)
    event = np.repeat(np.arange(len(draws), dtype=np.int32), draws.shape[1])
    index = np.arange(len(truth), dtype=np.int32)
    t = histogram_matrix(truth, weight, index, len(truth), edges) @ truth_counts
    d = histogram_matrix(flat, draw_weight.reshape(-1), event, len(draws), edges) @ draw_counts
    return Replicas(edges, t / t.sum(axis=0), d / d.sum(axis=0))


def wasserstein_replicas(replicas: Replicas) -> Float[np.ndarray, " b"]:
    """W1 of each replica by the trapezoidal rule on the grid."""
    difference = np.abs(np.cumsum(replicas.truth - replicas.draws, axis=0))
    height = np.concatenate([np.zeros((1, difference.shape[1])), difference])
    return np.diff(replicas.edges) @ (0.5 * (height[1:] + height[:-1]))


def ks_replicas(replicas: Replicas) -> Float[np.ndarray, " b"]:
    """KS distance of each replica at the grid's edges."""
    return np.abs(np.cumsum(replicas.truth - replicas.draws, axis=0)).max(axis=0)


def triangular_replicas(replicas: Replicas, histogram: Float[np.ndarray, " m"]) -> Float[np.ndarray, " b"]:
    """Triangular discriminator of each replica; the histogram's edges must be edges of the grid."""
    at = np.searchsorted(replicas.edges, histogram)
    widths = np.diff(histogram)
    summed = [
        np.diff(np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])[at], axis=0)
        for x in (replicas.truth, replicas.draws)
    ]
    p, q = (x / widths[:, None] for x in summed)
    return triangular_of_densities(p, q, widths)


def quantile_replicas(
    edges: Float[np.ndarray, " edges"], fractions: Float[np.ndarray, "bins b"], q: Float[np.ndarray, " m"]
) -> Float[np.ndarray, "m b"]:
    """Quantiles of each replica, linear inside a bin."""
    cumulative = np.concatenate([np.zeros((1, fractions.shape[1])), np.cumsum(fractions, axis=0)])
    monotone = np.maximum.accumulate(cumulative, axis=0)
    return np.stack([np.interp(q, column, edges) for column in monotone.T], axis=1)


def standard_error(replicas: Float[np.ndarray, " b"]) -> float:
    """Standard deviation over replicas."""
    return float(np.std(replicas, ddof=1))
