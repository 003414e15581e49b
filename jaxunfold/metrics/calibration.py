"""Calibration of event-by-event posteriors: is the truth where each event's own distribution says?"""

import numpy as np
from jaxtyping import Float


def randomised_ranks(
    rng: np.random.Generator,
    truth: Float[np.ndarray, " n"],
    draws: Float[np.ndarray, "n k"],
    weight: Float[np.ndarray, "n k"] | None = None,
) -> Float[np.ndarray, " n"]:
    """Position of the truth among the draws of its event, (draws below + uniform) / (draws + 1).

    For a perfect posterior the ranks are exactly uniform on [0, 1] at any number of draws, which the plain
    fraction of draws below is not. Draws that equal the truth share the uniform step with it.

    Args:
      rng: Source of the uniform numbers.
      truth, draws: One observable in any unit.
      weight: Non-negative weights of the draws, normalised here to a mean of one in each event.
    Returns: Ranks in [0, 1].
    """
    k = draws.shape[1]
    below, tied = draws < truth[:, None], draws == truth[:, None]
    if weight is None:
        below, tied = below.sum(axis=1), tied.sum(axis=1)
    else:
        w = weight * (k / weight.sum(axis=1, keepdims=True, dtype=np.float64))
        below, tied = (w * below).sum(axis=1), (w * tied).sum(axis=1)
    return np.clip((below + rng.uniform(size=len(truth)) * (tied + 1)) / (k + 1), 0.0, 1.0)


def calibration_curve(
    ranks: Float[np.ndarray, " n"],
    levels: Float[np.ndarray, " m"],
    weight: Float[np.ndarray, " n"] | None = None,
) -> Float[np.ndarray, " m"]:
    """Fraction of events whose rank is at most each level: the diagonal for calibrated posteriors."""
    order = np.argsort(ranks)
    w = np.ones(len(ranks)) if weight is None else weight[order].astype(np.float64)
    cumulative = np.concatenate([[0.0], np.cumsum(w)]) / w.sum()
    return cumulative[np.searchsorted(ranks[order], levels, side="right")]


def max_deviation(
    ranks: Float[np.ndarray, " n"], weights: Float[np.ndarray, "n b"] | None = None
) -> Float[np.ndarray, " b"]:
    """Largest distance of the weighted empirical CDF of the ranks from the diagonal, both sides of each step.

    Args:
      ranks: Randomised ranks.
      weights: One column of event weights per result (bootstrap replicas); None is one column of ones.
    Returns: One distance per column.

    Example:
      >>> rng = np.random.default_rng(0)
      >>> truth, draws = rng.normal(size=1000), rng.normal(size=(1000, 50))
      >>> bool(max_deviation(randomised_ranks(rng, truth, draws))[0] < 0.05)
      True
      >>> bool(max_deviation(randomised_ranks(rng, truth, 0.5 * draws))[0] > 0.1)  # too narrow
      True
    """
    order = np.argsort(ranks)
    r = ranks[order][:, None]
    w = np.ones((len(ranks), 1)) if weights is None else weights[order]
    after = np.cumsum(w, axis=0, dtype=np.float64)
    before = after - w
    total = after[-1]
    return np.maximum(np.abs(after / total - r), np.abs(before / total - r)).max(axis=0)


def central_coverage(
    ranks: Float[np.ndarray, " n"], level: float, weights: Float[np.ndarray, "n b"] | None = None
) -> Float[np.ndarray, " b"]:
    """Fraction of events whose truth lies in the central interval of the given probability, per column."""
    inside = (np.abs(ranks - 0.5) <= 0.5 * level).astype(np.float64)
    w = np.ones((len(ranks), 1)) if weights is None else weights
    return inside @ w / w.sum(axis=0, dtype=np.float64)


def binomial_band(levels: Float[np.ndarray, " m"], weight: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """One standard deviation of a perfect calibration curve, sqrt(q (1 - q) / n_eff)."""
    effective = np.sum(weight, dtype=np.float64) ** 2 / np.sum(weight.astype(np.float64) ** 2)
    return np.sqrt(levels * (1 - levels) / effective)
