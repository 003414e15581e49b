"""Unweighted draws from weighted ones: rejection, and resampling where weights have no bound.

Thesis section 4.3, the simplest of the ways to sample the refined latent space.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxunfold.types import Key


class Rejected(NamedTuple):
    """keep: which draws are kept, [n]. efficiency: their fraction. clipped: share of the weight above the bound."""

    keep: Bool[Array, " n"]
    efficiency: Float[Array, ""]
    clipped: Float[Array, ""]


def reject(key: Key, log_weights: Float[Array, " n"], log_bound: float | None = None) -> Rejected:
    """Keep each draw with probability min(1, weight / bound).

    Args:
      log_weights: Of the draws. log_bound: Log of the bound; None for the largest weight there is.
    """
    bound = jnp.max(log_weights) if log_bound is None else log_bound
    keep = jnp.log(jax.random.uniform(key, log_weights.shape)) < log_weights - bound
    over = jax.nn.relu(jnp.exp(log_weights - bound) - 1)
    total = jnp.sum(jnp.exp(log_weights - bound))
    return Rejected(keep, jnp.mean(keep), jnp.sum(over) / total)


def resample(key: Key, log_weights: Float[Array, " n"], num: int) -> Int[Array, " k"]:
    """Rows of ``num`` draws with replacement, each taken in proportion to its weight; systematic, of least variance.

    A weight far above the mean comes back as equal draws: more candidates make them rarer.
    """
    share = jax.nn.softmax(log_weights)
    at = (jnp.arange(num) + jax.random.uniform(key)) / num
    rows = jnp.searchsorted(jnp.cumsum(share), at)
    # rounding may leave the last cumulative share just below one
    return jnp.minimum(rows, len(share) - 1)
