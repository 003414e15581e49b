"""Bijections put together: in a chain, as equal blocks under ``lax.scan``, backwards, or on some components only."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.bijections.base import Bijection


def chain(*parts: Bijection) -> Bijection:
    """Apply parts in order in the forward direction; params and contexts are tuples, one entry a part.

    It has an inverse if all parts have one, and a start if any has one: each sees what its predecessors made of the
    first batch.
    """

    def init(key):
        return tuple(part.init(k) for part, k in zip(parts, jax.random.split(key, len(parts))))

    def context(params, cond):
        return tuple(part.context(p, cond) for part, p in zip(parts, params))

    def forward(params, x, ctx):
        return _in_turn(x, [(part.forward, p, c) for part, p, c in zip(parts, params, ctx)])

    def at_once(params, x, cond):
        return _in_turn(x, [(part.forward_given, p, cond) for part, p in zip(parts, params)])

    def inverse(params, z, ctx):
        return _in_turn(z, [(part.inverse, p, c) for part, p, c in zip(parts, params, ctx)][::-1])

    def start(params, x, ctx):
        started = []
        for part, p, c in zip(parts, params, ctx):
            started.append(part.start(p, x, c) if part.start else p)
            x = _all_forward(part, started[-1], x, c)
        return tuple(started)

    invertible = all(part.inverse for part in parts)
    has_start = any(part.start for part in parts)
    return Bijection(init, context, forward, inverse if invertible else None, start if has_start else None, at_once)


def repeat(part: Bijection, blocks: int) -> Bijection:
    """The same kind of bijection, blocks times with parameters of its own each, compiled once.

    Every leaf of params and context carries a leading axis [blocks], which ``lax.scan`` runs along.
    """

    def init(key):
        return jax.vmap(part.init)(jax.random.split(key, blocks))

    def context(params, cond):
        return jax.lax.map(lambda p: part.context(p, cond), params)

    def forward(params, x, ctx):
        return _scanned(lambda x, block: part.forward(block[0], x, block[1]), x, (params, ctx))

    def at_once(params, x, cond):
        return _scanned(lambda x, block: part.forward_given(block, x, cond), x, params)

    def inverse(params, z, ctx):
        return _scanned(lambda z, block: part.inverse(block[0], z, block[1]), z, (params, ctx), reverse=True)

    def start(params, x, ctx):
        def body(x, block):
            started = part.start(block[0], x, block[1])
            return _all_forward(part, started, x, block[1]), started

        return jax.lax.scan(body, x, (params, jax.tree.map(lambda c: jnp.swapaxes(c, 0, 1), ctx)))[1]

    return Bijection(
        init, context, forward, inverse if part.inverse else None, start if part.start else None, at_once
    )


def inverted(part: Bijection) -> Bijection:
    """The same map run the other way round: its forward is the part's inverse.

    Raises: ValueError if the part has no inverse.
    """
    if part.inverse is None:
        raise ValueError("inverted: expected a bijection with an inverse, got one without")
    return Bijection(part.init, part.context, part.inverse, part.forward)


def subset(part: Bijection, components: Sequence[int] | np.ndarray) -> Bijection:
    """A bijection of m components applied to the named ones of an event; the others stay.

    Args:
      part: Of len(components) components. components: their places, static.
    """
    place = np.asarray(components, np.int32)

    def run(direction):
        def apply(params, x, ctx):
            y, log_det = direction(params, x[place], ctx)
            return x.at[place].set(y), log_det

        return apply

    def start(params, x, ctx):
        return part.start(params, x[:, place], ctx)

    inverse = run(part.inverse) if part.inverse else None
    return Bijection(part.init, part.context, run(part.forward), inverse, start if part.start else None)


def _in_turn(x, maps):
    """x through (map, its params, its context or condition) one after the other, and the sum of log_dets."""
    log_det = 0.0
    for each, params, given in maps:
        x, part_log_det = each(params, x, given)
        log_det = log_det + part_log_det
    return x, log_det


def _scanned(block_map, x, blocks, reverse=False):
    """The same under ``lax.scan``: block_map takes (x, leaves of one block)."""

    def body(carry, block):
        x, log_det = carry
        x, block_log_det = block_map(x, block)
        return (x, log_det + block_log_det), None

    return jax.lax.scan(body, (x, jnp.zeros((), x.dtype)), blocks, reverse=reverse)[0]


def _all_forward(part, params, x, ctx):
    return jax.vmap(lambda x, c: part.forward(params, x, c)[0])(x, ctx)
