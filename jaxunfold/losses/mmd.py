"""Maximum mean discrepancy between two samples: of one observable, of many, of noise; biased or not, in blocks."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxunfold.errors import InputError
from jaxunfold.losses.kernels import KERNELS

BLOCK = 2048
"""Rows of a kernel matrix that are in memory at a time."""


def distances(v, u):
    """|v_i - u_j| of numbers [n] and [m], or Euclidean of rows [n, k] and [m, k]: [n, m]."""
    if u.ndim == 1:
        return v[:, None] - u[None, :]
    # the gradient of a root is infinite at zero, where a row meets itself
    return jnp.sqrt(jnp.sum((v[:, None] - u[None, :]) ** 2, axis=-1) + 1e-20)


def mean_kernel(u, p, v, q, widths, kernel="breit_wigner", block=BLOCK):
    """Sum over i, j of q_i p_j k(v_i, u_j), a kernel for each width added up; ``block`` rows at a time."""

    def rows(v, q):
        # sums, no products of matrices: full precision also on a GPU, as three terms of order one nearly cancel
        distance = distances(v, u)
        total = sum(KERNELS[kernel](distance, width) for width in widths)
        return jnp.sum(p * jnp.sum(q[:, None] * total, axis=0))

    n = len(v)
    if n <= block:
        return rows(v, q)
    # rows of weight zero fill the last block; kernels are made again for the gradient
    fill = -n % block
    v = jnp.pad(v, ((0, fill),) + ((0, 0),) * (v.ndim - 1)).reshape(-1, block, *v.shape[1:])
    q = jnp.pad(q, (0, fill)).reshape(-1, block)
    return jnp.sum(jax.lax.map(jax.checkpoint(lambda pair: rows(*pair)), (v, q)))


def mmd_squared(
    x: Float[Array, "n *k"],
    y: Float[Array, "m *k"],
    widths: Sequence,
    weight: Float[Array, " n"] | None = None,
    target_weight: Float[Array, " m"] | None = None,
    *,
    kernel: str = "breit_wigner",
    unbiased: bool = False,
    block: int = BLOCK,
) -> Float[Array, ""]:
    r"""Squared maximum mean discrepancy with a sum of kernels.

    .. math:: \langle k(x,x')\rangle + \langle k(y,y')\rangle - 2\langle k(x,y)\rangle

    Gretton et al., arXiv:0805.2368. The biased estimator is never negative for positive weights; the unbiased one
    leaves out the pairs of an event with itself, and is around zero for samples of the same distribution.

    Args:
      x: Unfolded values, numbers or rows. y: true values, in the same units.
      widths: Positive kernel widths, in the same units; their kernels are added.
      weight, target_weight: Event weights of x and y; None for one.
      kernel: A key of ``KERNELS``, a function of the (Euclidean) distance.
      unbiased: Which estimator.
      block: Rows of a kernel matrix that are in memory at a time.
    Returns: Scalar, 0 when x equals y up to rounding.
    """
    a = jnp.ones(len(x), x.dtype) if weight is None else weight
    b = jnp.ones(len(y), y.dtype) if target_weight is None else target_weight
    a, b = a / jnp.sum(a), b / jnp.sum(b)

    def within(u, p):
        total = mean_kernel(u, p, u, p, widths, kernel, block)
        if not unbiased:
            return total
        itself = jnp.sum(p**2)  # a kernel is one at no distance
        return (total - len(widths) * itself) / (1 - itself)

    return within(x, a) + within(y, b) - 2 * mean_kernel(x, a, y, b, widths, kernel, block)


def root(squared: Float[Array, ""]) -> Float[Array, ""]:
    """MMD of its square, with no gradient where the estimate is not above rounding.

    The papers use it rather than the square, for larger gradients close to the target: arXiv:1912.00477, Eq. (5).
    """
    floor = 1e-9
    return jnp.where(squared > floor, jnp.sqrt(jnp.maximum(squared, floor)), 0.0)


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
