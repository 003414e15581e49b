"""Conditional maximum mean discrepancy: of two families of distributions, one for every measured event."""

from collections.abc import Sequence
from functools import partial

import jax.numpy as jnp
import jax.scipy.linalg as linalg
from jaxtyping import Array, Float

from jaxunfold.losses.kernels import KERNELS
from jaxunfold.losses.mmd import distances


def condition_weights(
    cond: Float[Array, "n c"], width: float, ridge: float, weight: Float[Array, " n"] | None = None
) -> Float[Array, "n n"]:
    r"""How much a pair of events counts, (K + r W^{-1})^{-1} K (K + r W^{-1})^{-1} with K of a Gaussian kernel.

    Args:
      cond: Standardised conditions. width: of their kernel. ridge: r > 0, relative to the kernel at no distance.
      weight: Event weights, positive, with a mean of about one; None for one: W is their diagonal.
    """
    K = KERNELS["gaussian"](distances(cond, cond), width)
    damping = jnp.full(len(cond), ridge) if weight is None else ridge / jnp.maximum(weight, 1e-3)
    factor = linalg.cho_factor(K + jnp.diag(damping))
    half = linalg.cho_solve(factor, K)
    return linalg.cho_solve(factor, half.T)


def _kernel_matrix(kernel, width, u, v):
    return KERNELS[kernel](distances(u, v), width)


def conditional_mmd_squared(
    x: Float[Array, " n"],
    y: Float[Array, " n"],
    pair_weights: Float[Array, "n n"],
    widths: Sequence,
    kernel: str = "breit_wigner",
) -> Float[Array, ""]:
    r"""Squared conditional MMD of generated and true values of the same events, per event.

    .. math:: \frac1n \sum_{ij} A_{ij} [k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j)]

    The distance between the two conditional mean embeddings, Ren et al., arXiv:1606.04218, Eq. (4), where both
    samples have the same conditions: then the weights A are those of ``condition_weights``, and one term is left. It
    is what Bellagente et al., arXiv:1912.00477, section 3, name as missing from their set-up.

    Args:
      x: Generated. y: true values, in the same units. pair_weights: A. widths: of the kernels, which are added.
    """
    total = 0.0
    for width in widths:
        k = partial(_kernel_matrix, kernel, width)
        total += k(x, x) + k(y, y) - k(x, y) - k(y, x)
    return jnp.sum(pair_weights * total) / len(x)
