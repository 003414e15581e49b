"""The monotone rational-quadratic function of one variable: value, inverse and log-derivative from its knots.

Gregory and Delbourgo, IMA J. Numer. Anal. 2 (1982) 123; as a flow: Durkan et al., arXiv:1906.04032, Eqs. (4)-(8).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Bin(NamedTuple):
    """The bin a value falls in: left edges, width, height and the derivatives at its two knots."""

    x0: Array
    width: Array
    y0: Array
    height: Array
    d0: Array
    d1: Array


def clip(x, low, high):
    """x between two bounds, with the derivative of x at the bounds themselves, where ``jnp.clip`` has half of it."""
    return jnp.where(x < low, low, jnp.where(x > high, high, x))


# made again for the gradient: a dozen arrays of every block are then neither kept nor compiled
@partial(jax.checkpoint, prevent_cse=False)
def evaluate_bin(x, b: Bin):
    """Value and log-derivative at x, which must lie inside the bin (Eqs. (4) and (5))."""
    slope = b.height / b.width
    t = clip((x - b.x0) / b.width, 0.0, 1.0)
    tt = t * (1 - t)
    denominator = slope + (b.d0 + b.d1 - 2 * slope) * tt
    y = b.y0 + b.height * (slope * t * t + b.d0 * tt) / denominator
    numerator = slope**2 * (b.d1 * t * t + 2 * slope * tt + b.d0 * (1 - t) ** 2)
    return y, jnp.log(numerator) - 2 * jnp.log(denominator)


def invert_bin(y, b: Bin):
    """Inverse of ``evaluate_bin`` and the log-derivative of the inverse (Eqs. (6)-(8))."""
    slope = b.height / b.width
    dy = clip(y - b.y0, 0.0, b.height)
    s = b.d0 + b.d1 - 2 * slope
    qa = b.height * (slope - b.d0) + dy * s
    qb = b.height * b.d0 - dy * s
    qc = -slope * dy
    # rounding can push the discriminant of a valid bin below zero
    root = jnp.sqrt(jnp.maximum(qb * qb - 4 * qa * qc, 1e-30))
    t = clip(2 * qc / (-qb - root), 0.0, 1.0)
    x = b.x0 + t * b.width
    return x, -evaluate_bin(x, b)[1]


def _sizes(theta, bound, min_size):
    """Bins of [-bound, bound] from unconstrained numbers, and their left edges."""
    k = theta.shape[-1]
    sizes = 2 * bound * (min_size + (1 - min_size * k) * jax.nn.softmax(theta, axis=-1))
    # a product with a triangular matrix, since a cumulative sum of eight numbers is slow to compile and run
    left = jnp.triu(jnp.ones((k, k), theta.dtype), 1)
    # in full precision: a GPU's default of ten bits would tear the bins apart at their knots
    return sizes, jnp.matmul(sizes, left, precision=jax.lax.Precision.HIGHEST) - bound


def spline(
    x: Float[Array, "*n"],
    theta: Float[Array, "*n p"],
    bound: float,
    inverse: bool = False,
    min_size: float = 1e-3,
    min_slope: float = 1e-3,
) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """Rational-quadratic spline of x on [-bound, bound], the identity outside; and its log-derivative.

    Args:
      x: Values; each has its own parameters.
      theta: 3 k - 1 unconstrained numbers for k bins: widths, heights, inner derivatives. Zeros give the
        identity; the outer derivatives are 1.
      bound: Half-width of the interval.
      inverse: Whether to apply the inverse map.
      min_size: Smallest bin, as a fraction of the interval. min_slope: smallest derivative at a knot.
    Raises: ValueError if the last axis of theta is not 3 k - 1.
    """
    if (theta.shape[-1] + 1) % 3:
        raise ValueError(f"theta: expected 3 k - 1 spline parameters, got {theta.shape[-1]}")
    k = (theta.shape[-1] + 1) // 3
    end = jnp.zeros((*theta.shape[:-1], 1), theta.dtype)
    below = jnp.concatenate([end, theta[..., 2 * k :]], axis=-1)
    above = jnp.concatenate([theta[..., 2 * k :], end], axis=-1)
    # clipped before the branch, so that gradients outside the interval stay finite
    clipped = jnp.clip(x, -bound, bound)
    y, log_derivative = _inside(clipped, theta[..., : 2 * k], below, above, bound, inverse, min_size, min_slope)
    outside = jnp.abs(x) >= bound
    return jnp.where(outside, x, y), jnp.where(outside, 0.0, log_derivative)


def circular_spline(
    x: Float[Array, "*n"],
    theta: Float[Array, "*n p"],
    bound: float,
    inverse: bool = False,
    min_size: float = 1e-3,
    min_slope: float = 1e-3,
) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """The same on a circle of circumference 2 bound: equal slopes at the two ends, then a rotation.

    Rezende et al., arXiv:2002.02428, section 2.1.

    Args:
      x: Angles, taken modulo 2 bound. bound: pi for radians.
      theta: 3 k + 1 unconstrained numbers for k bins: widths, heights, derivatives with that of both ends first,
        angle of the rotation. Zeros give the identity.
      inverse, min_size, min_slope: As for ``spline``.
    Returns: Angles in [-bound, bound] and the log-derivative.
    Raises: ValueError if the last axis of theta is not 3 k + 1.
    """
    if (theta.shape[-1] - 1) % 3:
        raise ValueError(f"theta: expected 3 k + 1 circular spline parameters, got {theta.shape[-1]}")
    k = (theta.shape[-1] - 1) // 3
    below, rotation = theta[..., 2 * k : 3 * k], theta[..., 3 * k]
    above = jnp.roll(below, -1, axis=-1)
    angle = wrap(x - rotation if inverse else x, bound)
    y, log_derivative = _inside(angle, theta[..., : 2 * k], below, above, bound, inverse, min_size, min_slope)
    return wrap(y if inverse else y + rotation, bound), log_derivative


def wrap(x, bound: float):
    """x modulo 2 bound, in [-bound, bound] up to rounding; its derivative is one everywhere."""
    return x - 2 * bound * jnp.floor((x + bound) / (2 * bound))


def _inside(x, sizes, below, above, bound, inverse, min_size, min_slope):
    """The spline of x in [-bound, bound]: 2 k numbers for the bins, k each for the slopes at their two ends."""
    k = below.shape[-1]
    widths, x_left = _sizes(sizes[..., :k], bound, min_size)
    heights, y_left = _sizes(sizes[..., k:], bound, min_size)
    edges = y_left if inverse else x_left
    index = jnp.clip(jnp.sum(x[..., None] >= edges, axis=-1, keepdims=True) - 1, 0, k - 1)

    def pick(array):
        return jnp.take_along_axis(array, index, axis=-1)[..., 0]

    def slope(array):
        # softplus shifted so that a zero gives slope one; taken after the pick, where it is needed only twice
        return min_slope + jax.nn.softplus(pick(array) + jnp.log(jnp.expm1(1 - min_slope)))

    picked = Bin(pick(x_left), pick(widths), pick(y_left), pick(heights), slope(below), slope(above))
    return (invert_bin if inverse else evaluate_bin)(x, picked)
