"""Random fixed permutations, so that every component is transformed and conditions the others in turn."""

import jax
import jax.numpy as jnp

from jaxunfold.bijections.base import Bijection, no_context


def permutation(dim: int) -> Bijection:
    """A permutation of the components, drawn once; log_det is zero.

    It is stored as a vector of float ranks, not indices, so that optimisers may carry it: its gradient is zero.
    """

    def init(key):
        return {"rank": jax.random.permutation(key, dim).astype(jnp.float32)}

    def forward(params, x, ctx):
        order = jnp.argsort(jax.lax.stop_gradient(params["rank"]))
        return x[order], jnp.zeros((), x.dtype)

    def inverse(params, z, ctx):
        rank = jax.lax.stop_gradient(params["rank"])
        return z[jnp.argsort(jnp.argsort(rank))], jnp.zeros((), z.dtype)

    return Bijection(init, no_context, forward, inverse)
