"""Maximum mean discrepancy between two samples with Breit-Wigner kernels: of one observable, of many, of noise."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxunfold.errors import InputError


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
        # sums, no products of matrices: full precision also on a GPU, as three terms of order one nearly cancel
        distance = v[:, None] - u[None, :]
        total = sum(breit_wigner_kernel(distance, width) for width in widths)
        return jnp.sum(p * jnp.sum(q[:, None] * total, axis=0))

    return mean_kernel(x, a, x, a) + mean_kernel(y, b, y, b) - 2 * mean_kernel(x, a, y, b)


def mmd_of_components(
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    widths: Sequence[float],
    weight: Float[Array, " n"] | None = None,
    target_weight: Float[Array, " m"] | None = None,
) -> Float[Array, " d"]:
    """``mmd_squared`` of every component by itself: the eINN's 'each degree of freedom', thesis section 2.4.2.

    Args: as of ``mmd_squared``; the widths are in units of every component.
    Returns: [d]; correlations between components do not enter.
    """

    def one(pair):
        return mmd_squared(*pair, widths, weight, target_weight)

    # one after the other, kernels made again for the gradient: a matrix fits the cache, five times faster on a CPU
    return jax.lax.map(jax.checkpoint(one), (x.T, y.T))


def mmd_to_normal(
    x: Float[Array, "n d"], widths: Sequence[float], weight: Float[Array, " n"] | None = None
) -> Float[Array, " d"]:
    """``mmd_squared`` of every component of latent noise from a standard normal: thesis section 2.4.2.

    The normal is its n quantiles at (i + 1/2) / n, which have no sampling noise.

    Args:
      x: Noise that a network made. widths: Kernel widths. weight: Event weights; None for one.
    Returns: [d], 0 where x are these quantiles in any order.
    """
    n = x.shape[0]
    nodes = jax.scipy.special.ndtri((jnp.arange(n, dtype=x.dtype) + 0.5) / n)
    return mmd_of_components(x, jnp.broadcast_to(nodes[:, None], x.shape), widths, weight)


def mmd_of_observables(
    ours: Mapping[str, Array], target: Mapping[str, Array], names: Sequence[str], widths: Sequence[float], weight
) -> Float[Array, ""]:
    """Sum of ``mmd_squared`` over named observables of the same events.

    Args:
      ours, target: {name: [n]} in physical units. widths: in the same. weight: Event weights [n] of both.
    Raises: InputError if an observable is not one of the problem's.
    """
    if missing := [name for name in names if name not in target]:
        raise InputError(f"model.mmd_observables: expected names among {tuple(target)}, found {missing[0]!r}")
    return sum(mmd_squared(ours[name], target[name], widths, weight, weight) for name in names)
