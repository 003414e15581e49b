"""What the draws say of each single event: median and half of the central 68 per cent interval."""

import numpy as np
from jaxtyping import Float


def median_and_width(
    draws: Float[np.ndarray, "n k"], log_weights: Float[np.ndarray, "n k"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Median and width_68 of the weighted draws of each event, [n]; as ``metrics.quantiles``, all events at once."""
    order = np.argsort(draws, axis=1)
    x = np.take_along_axis(draws, order, axis=1).astype(np.float64)
    w = np.exp(log_weights - log_weights.max(axis=1, keepdims=True).astype(np.float64))
    w = np.take_along_axis(w, order, axis=1)
    level = (np.cumsum(w, axis=1) - 0.5 * w) / np.sum(w, axis=1, keepdims=True)
    low, median, high = (_quantile(x, level, q) for q in (0.16, 0.5, 0.84))
    return median, 0.5 * (high - low)


def _quantile(x: np.ndarray, level: np.ndarray, q: float) -> np.ndarray:
    """Linear between the draws on either side of a level, as numpy.interp for every row."""
    last = x.shape[1] - 1
    right = np.minimum(np.sum(level < q, axis=1), last)
    left = np.maximum(right - 1, 0)
    row = np.arange(len(x))
    a, b = level[row, left], level[row, right]
    part = np.where(b > a, (np.clip(q, a, b) - a) / np.where(b > a, b - a, 1), 0.0)
    return x[row, left] + part * (x[row, right] - x[row, left])
