"""Maximum mean discrepancy between two samples of one observable, with Breit-Wigner kernels."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def breit_wigner_kernel(distance: Array, width: float) -> Array:
    """k(x, x') = w^2 / ((x - x')^2 + w^2): Butter, Plehn, Winterhalder, arXiv:1907.03764, Eq. (16)."""
    return width**2 / (distance**2 + width**2)


def mmd_squared(
    x: Float[Array, " n"],
    y: Float[Array, " m"],
    widths: Sequence[float],
    weight: Float[Array, " n"] | None = None,
    target_weight: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    r"""Squared maximum mean discrepancy with a sum of Breit-Wigner kernels.

    .. math:: \langle k(x,x')\rangle + \langle k(y,y')\rangle - 2\langle k(x,y)\rangle

    Gretton et al., arXiv:0805.2368; the biased estimator, which is never negative for positive weights.

    Args:
      x: Unfolded values. y: true values, in the same units.
      widths: Positive kernel widths, in the same units; their kernels are added.
      weight, target_weight: Event weights of x and y; None for one.
    Returns: Scalar, 0 when x equals y up to rounding.
    """
    a = jnp.ones_like(x) if weight is None else weight
    b = jnp.ones_like(y) if target_weight is None else target_weight
    a, b = a / jnp.sum(a), b / jnp.sum(b)

    def mean_kernel(u, p, v, q):
        distance = u[:, None] - v[None, :]
        total = sum(breit_wigner_kernel(distance, width) for width in widths)
        # in full precision also on a GPU: three terms of order one nearly cancel
        exact = jax.lax.Precision.HIGHEST
        return jnp.matmul(jnp.matmul(p, total, precision=exact), q, precision=exact)

    return mean_kernel(x, a, x, a) + mean_kernel(y, b, y, b) - 2 * mean_kernel(x, a, y, b)
