"""Gaussianising quantile maps: each coordinate becomes standard normal under its training distribution.

The map is a smooth monotone interpolation through quantile pairs (rational quadratic, linear in the tails).
"""

from statistics import NormalDist
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxunfold.bijections.rational_quadratic import Bin, clip, evaluate_bin, invert_bin

NORMAL = NormalDist()


def reach_of(events: int) -> float:
    """How many standard deviations out ten of so many events lie beyond, at most four."""
    return min(4.0, -NORMAL.inv_cdf(min(0.2, 10.0 / events)))


def levels_of(scores: np.ndarray) -> np.ndarray:
    """Fractions of a standard normal below each score."""
    return np.array([NORMAL.cdf(score) for score in scores])


class Quantiles(NamedTuple):
    """Knots of each coordinate: x [d, k] in its own units, z [d, k] normal scores, slope dz/dx [d, k]."""

    x: Array
    z: Array
    slope: Array


def _monotone_slopes(x, z):
    """Slopes at the knots that keep a rational-quadratic interpolation monotone and smooth."""
    width = np.diff(x)
    secant = np.diff(z) / width
    inner = (width[1:] + width[:-1]) / (width[1:] / secant[1:] + width[:-1] / secant[:-1])
    return np.concatenate([secant[:1], inner, secant[-1:]])


def fit_quantiles(x: np.ndarray, weight: np.ndarray | None = None, spacing: float = 0.15) -> Quantiles:
    """Knots at normal scores a fixed spacing apart, as far out as the events reach.

    Args:
      x: Training values, [n, d]. weight: event weights [n]; negative ones are taken as they are.
      spacing: Distance between knots in units of the normal's standard deviation.
    Returns: Quantiles with the same number of knots for every coordinate.
    Raises: ValueError for a coordinate that is constant ("expected at least two values").
    """
    n, dim = x.shape
    weight = np.ones(n) if weight is None else weight
    reach = reach_of(n)
    scores = np.linspace(-reach, reach, max(5, 2 * int(reach / spacing) + 1))
    xs, zs, slopes = [], [], []
    for i in range(dim):
        order = np.argsort(x[:, i], kind="stable")
        values = x[order, i].astype(np.float64)
        if values[0] == values[-1]:
            raise ValueError(f"coordinate {i}: expected at least two values, found only {values[0]:g}")
        cumulative = np.maximum.accumulate(np.cumsum(weight[order]) - 0.5 * weight[order]) / np.sum(weight)
        knots = np.interp(levels_of(scores), cumulative, values)
        # repeated values would make a vertical step: knots stay apart by a hair of the range, seen in float32
        gap = max(1e-5 * (values[-1] - values[0]), 4 * np.spacing(np.float32(np.max(np.abs(values)))))
        knots = np.maximum.accumulate(knots + gap * np.arange(len(knots))) - gap * 0.5 * len(knots)
        xs.append(knots)
        zs.append(scores)
        slopes.append(_monotone_slopes(knots, scores))
    return Quantiles(*(jnp.asarray(np.array(a), jnp.float32) for a in (xs, zs, slopes)))


def fit_standard(x: np.ndarray, weight: np.ndarray | None = None) -> Quantiles:
    """The straight line through mean -+ standard deviation, in the same form: plain standardisation.

    Raises: ValueError for a coordinate that is constant.
    """
    mean = np.average(x, axis=0, weights=weight)
    scale = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight))
    if not np.all(scale > 0):
        raise ValueError(f"coordinate {int(np.argmin(scale))}: expected at least two values, found only one")
    one = np.ones_like(mean)
    knots = np.stack([mean - scale, mean, mean + scale], axis=1)
    arrays = (knots, np.stack([-one, 0 * one, one], axis=1), np.repeat(1 / scale[:, None], 3, axis=1))
    return Quantiles(*(jnp.asarray(a, jnp.float32) for a in arrays))


def _one_coordinate(value, x, z, slope, inverse):
    source = z if inverse else x
    i = jnp.clip(jnp.searchsorted(source, value, side="right") - 1, 0, x.shape[0] - 2)
    picked = Bin(x[i], x[i + 1] - x[i], z[i], z[i + 1] - z[i], slope[i], slope[i + 1])
    clipped = clip(value, source[0], source[-1])
    inside, log_derivative = (invert_bin if inverse else evaluate_bin)(clipped, picked)
    edge = jnp.where(value < source[0], slope[0], slope[-1])
    gradient = 1 / edge if inverse else edge
    outside = value != clipped
    y = jnp.where(outside, inside + (value - clipped) * gradient, inside)
    return y, jnp.where(outside, jnp.log(gradient), log_derivative)


def to_normal(q: Quantiles, x: Float[Array, " d"]) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
    """Normal scores of one event's coordinates and the log-derivative of each."""
    return jax.vmap(_one_coordinate, in_axes=(0, 0, 0, 0, None))(x, q.x, q.z, q.slope, False)


def from_normal(q: Quantiles, z: Float[Array, " d"]) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
    """Coordinates of one event's normal scores and the log-derivative of each."""
    return jax.vmap(_one_coordinate, in_axes=(0, 0, 0, 0, None))(z, q.x, q.z, q.slope, True)
