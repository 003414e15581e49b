"""A function of one event over many: at once where arithmetic is what costs, in pieces that fit a cache on a CPU."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

ROWS = 1024
"""Rows of a matrix product at a time on a CPU: what a network makes of so many stays in the second-level cache."""

TRAINED_ROWS = 512
"""The same in training, where what it keeps for the gradient has to stay there as well."""


def equal_size(total: int, at_most: int) -> int:
    """The size of equal parts of at most so many, as few as there can be; the last may lack one for each of them."""
    parts = max(1, -(-total // at_most))
    return max(1, -(-total // parts))


def over_events(fun: Callable, events: PyTree, rows: int = 1) -> PyTree:
    """``fun`` of every event, as ``jax.vmap(fun)(*events)``: the results do not depend on the pieces.

    Args:
      fun: Of the leaves of one event. events: Its arguments, arrays [n, ...]. rows: That an event has of its own, its
        draws.
    """
    return _in_pieces(jax.vmap(fun), events, ROWS // rows)


def over_draws(
    draw: Callable, latents: Float[Array, "n draws m"], events: PyTree, context: Callable = lambda event: event
) -> PyTree:
    """``draw(latent, context(event))`` of every draw of every event, [n, draws, ...], the context once an event.

    Contexts of many events are made in one product, and used in products of ``ROWS`` draws.

    Args:
      draw: Of one latent and a context. latents: Of the draws. events: Arrays [n, ...], in one tree.
      context: Of one event.
    """

    def of_event(latents, ctx):
        return over_events(lambda z: draw(z, ctx), (latents,))

    def of_events(latents, events):
        return over_events(of_event, (latents, jax.vmap(context)(events)), latents.shape[1])

    return _in_pieces(of_events, (latents, events), ROWS)


def mean_over_events(fun: Callable, params: PyTree, events: PyTree) -> Float[Array, ""]:
    """Mean of ``fun(params, *event)`` over events, whose gradient by ``params`` is gathered piece by piece as well.

    What a network keeps of an event for its gradient is then that of one piece. It has no derivative by the events.

    Args:
      fun: Of the weights and the leaves of one event, to []; of nothing else that is traced. params: Weights.
      events: Its other arguments, arrays [n, ...].
    """
    n = len(jax.tree.leaves(events)[0])
    # a batch that lies on several devices is their pieces already
    if jax.device_count() > 1 or _cut_of(n, TRAINED_ROWS)[0] == 1:
        return jnp.mean(jax.vmap(partial(fun, params))(*events))
    return _mean_in_pieces(fun, params, events)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _mean_in_pieces(fun, params, events):
    return jnp.mean(over_events(partial(fun, params), events))


def _mean_and_gradient(fun, params, events):
    n = len(jax.tree.leaves(events)[0])
    pieces, size = _cut_of(n, TRAINED_ROWS)

    def share(params, rows, piece):
        return jnp.sum(jnp.where(rows < n, jax.vmap(partial(fun, params))(*piece), 0)) / n

    def add(total, piece):
        return jax.tree.map(jnp.add, total, jax.value_and_grad(share)(params, *piece)), None

    nothing = jnp.zeros((), jnp.float32), jax.tree.map(jnp.zeros_like, params)
    rows = jnp.arange(pieces * size).reshape(pieces, size)
    return jax.lax.scan(add, nothing, (rows, _cut(events, pieces, size)))[0]


_mean_in_pieces.defvjp(_mean_and_gradient, lambda fun, gradient, ct: (jax.tree.map(lambda g: ct * g, gradient), None))


def _in_pieces(fun, events, size):
    """``fun`` of many events, arrays [n, ...] -> arrays [n, ...], so many at a time."""
    n = len(jax.tree.leaves(events)[0])
    pieces, size = _cut_of(n, size)
    if pieces == 1:
        return fun(*events)
    out = jax.lax.map(lambda piece: fun(*piece), _cut(events, pieces, size))
    return jax.tree.map(lambda x: x.reshape(pieces * size, *x.shape[2:])[:n], out)


def _cut_of(n, at_most):
    """(pieces, events in each), of so many at most on a CPU, and of nearly equal size."""
    size = equal_size(n, max(1, at_most)) if jax.default_backend() == "cpu" else n
    return -(-n // size), size


def _cut(events, pieces, size):
    """Events [n, ...] as [pieces, size, ...], the last of them repeated."""

    def cut(x):
        missing = pieces * size - len(x)
        padded = jnp.concatenate([x, jnp.repeat(x[-1:], missing, axis=0)]) if missing else x
        return padded.reshape(pieces, size, *x.shape[1:])

    return jax.tree.map(cut, events)
