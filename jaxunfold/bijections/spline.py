"""Rational-quadratic spline coupling, Durkan et al., arXiv:1906.04032, and its circular form for angles.

Circular: Rezende et al., arXiv:2002.02428, section 2.1: a spline of the circle onto itself, then a rotation.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.bijections.base import Bijection, no_context
from jaxunfold.bijections.coupling import coupling, two_sided
from jaxunfold.bijections.rational_quadratic import circular_spline, spline


def _check(bins, bound):
    if bins < 1 or bound <= 0:
        raise ValueError(f"bins, bound: expected bins >= 1 and bound > 0, got {bins} and {bound}")


def spline_coupling(dim: int, cond: int, bins: int = 8, bound: float = 5.0, **network) -> Bijection:
    """Second half through monotone splines on [-bound, bound], given the first half and the condition.

    Args:
      dim: Components of an event. cond: size of the condition.
      bins: Bins of each spline; 3 bins - 1 numbers describe it. bound: the identity beyond it.
      network: Options of ``networks.conditioner``.
    Raises: ValueError if bins < 1 or bound <= 0.
    """
    _check(bins, bound)

    def transform(x, theta):
        return spline(x, theta, bound)

    def inverse_transform(z, theta):
        return spline(z, theta, bound, inverse=True)

    return coupling(dim, cond, 3 * bins - 1, transform, inverse_transform, **network)


def circular_coupling(
    dim: int,
    cond: int,
    angles: Sequence[int],
    bins: int = 8,
    bound: float = 5.0,
    half_period: float = np.pi,
    **network,
) -> Bijection:
    """Every component through a spline given half of the others: angles round the circle, the rest on the line.

    Two couplings, of the even and of the odd places. Networks see an angle as its cosine and sine, so the map is
    continuous on the circle. Angles outside [-half_period, half_period) are taken modulo the period.

    Args:
      dim: Components of an event, at least 2. cond: size of the condition.
      angles: Places of the angles. half_period: of each of them, pi for radians.
      bins: Bins of each spline. bound: the identity beyond it, for components that are no angles.
      network: Options of ``networks.conditioner``.
    Raises: ValueError if an angle is no component, bins < 1, bound <= 0 or half_period <= 0.
    """
    _check(bins, bound)
    _check(bins, half_period)
    if not set(angles) <= set(range(dim)) or len(set(angles)) != len(angles):
        raise ValueError(f"angles: expected different places from 0 to {dim - 1}, got {tuple(angles)}")

    def half(dim, cond, moved, **network):
        is_angle = np.isin(moved, angles)
        given = np.isin(np.setdiff1d(np.arange(dim), moved), angles)
        order = np.argsort(is_angle, kind="stable").astype(np.int32)
        back, lines = np.argsort(order).astype(np.int32), int(np.sum(~is_angle))

        def encode(x):
            turn = x[given] * (np.pi / half_period)
            return jnp.concatenate([x[~given], jnp.cos(turn), jnp.sin(turn)])

        def run(inverse):
            def elementwise(x, theta):
                x, theta = x[order], theta[order]
                line = spline(x[:lines], theta[:lines, : 3 * bins - 1], bound, inverse)
                circle = circular_spline(x[lines:], theta[lines:], half_period, inverse)
                return tuple(jnp.concatenate(parts)[back] for parts in zip(line, circle))

            return elementwise

        return coupling(dim, cond, 3 * bins + 1, run(False), run(True), moved, encode, **network)

    return two_sided(dim, cond, half, interleaved=True, **network)


def angle_of_score(dim: int, half_period: float = np.pi) -> Bijection:
    """Standard normal scores to angles: a normal score becomes a uniform angle on (-half_period, half_period).

    Before circular layers it makes angles of Gaussianised coordinates; after them, inverted, it makes a uniform
    angle normal, so that the latent is normal as everywhere. float32 cannot tell scores beyond 5.
    """

    def clipped(turn):
        edge = 1 - 4 * float(jnp.finfo(turn.dtype).eps)
        return jnp.clip(turn, -edge, edge)

    def init(key):
        return {}

    def log_slope(score):
        return jnp.sum(np.log(2 * half_period / np.sqrt(2 * np.pi)) - 0.5 * score**2)

    def forward(params, x, ctx):
        return half_period * clipped(jax.lax.erf(x / np.sqrt(2))), log_slope(x)

    def inverse(params, z, ctx):
        score = np.sqrt(2) * jax.lax.erf_inv(clipped(z / half_period))
        return score, -log_slope(score)

    return Bijection(init, no_context, forward, inverse)
