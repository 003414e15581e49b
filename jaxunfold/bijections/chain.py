"""Bijections one after another: different ones in a chain, or equal ones as blocks under ``lax.scan``."""

import jax
import jax.numpy as jnp

from jaxunfold.bijections.base import Bijection


def chain(*parts: Bijection) -> Bijection:
    """Apply parts in order in the forward direction; params and contexts are tuples, one entry a part."""

    def init(key):
        return tuple(part.init(k) for part, k in zip(parts, jax.random.split(key, len(parts))))

    def context(params, cond):
        return tuple(part.context(p, cond) for part, p in zip(parts, params))

    def forward(params, x, ctx):
        log_det = 0.0
        for part, p, c in zip(parts, params, ctx):
            x, part_log_det = part.forward(p, x, c)
            log_det = log_det + part_log_det
        return x, log_det

    def inverse(params, z, ctx):
        log_det = 0.0
        for part, p, c in reversed(list(zip(parts, params, ctx))):
            z, part_log_det = part.inverse(p, z, c)
            log_det = log_det + part_log_det
        return z, log_det

    return Bijection(init, context, forward, inverse)


def repeat(part: Bijection, blocks: int) -> Bijection:
    """The same kind of bijection, blocks times with parameters of its own each, compiled once.

    Every leaf of params and context carries a leading axis [blocks], which ``lax.scan`` runs along.
    """

    def init(key):
        return jax.vmap(part.init)(jax.random.split(key, blocks))

    def context(params, cond):
        return jax.vmap(part.context, in_axes=(0, None))(params, cond)

    def run(direction, reverse):
        def apply(params, x, ctx):
            def body(carry, block):
                x, log_det = carry
                x, block_log_det = direction(block[0], x, block[1])
                return (x, log_det + block_log_det), None

            start = (x, jnp.zeros((), x.dtype))
            return jax.lax.scan(body, start, (params, ctx), reverse=reverse)[0]

        return apply

    return Bijection(init, context, run(part.forward, False), run(part.inverse, True))
