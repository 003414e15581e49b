"""A function of one event over many: at once where arithmetic is what costs, in pieces that fit a cache on a CPU."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

ROWS = 1024
"""Rows of a matrix product at a time on a CPU: what a network makes of so many stays in the second-level cache."""


def over_events(fun: Callable, events: PyTree, rows: int = 1) -> PyTree:
    """``fun`` of every event, as ``jax.vmap(fun)(*events)``: the results do not depend on the pieces.

    Args:
      fun: Of the leaves of one event. events: Its arguments, arrays [n, ...]. rows: That an event has of its own, its
        draws.
    """
    n = len(jax.tree.leaves(events)[0])
    pieces = -(-n * rows // ROWS) if jax.default_backend() == "cpu" else 1
    size = -(-n // min(pieces, n))
    pieces = -(-n // size)
    if pieces == 1:
        return jax.vmap(fun)(*events)

    def cut(x):
        padded = jnp.concatenate([x, jnp.repeat(x[-1:], pieces * size - n, axis=0)]) if pieces * size > n else x
        return padded.reshape(pieces, size, *x.shape[1:])

    out = jax.lax.map(lambda piece: jax.vmap(fun)(*piece), jax.tree.map(cut, events))
    return jax.tree.map(lambda x: x.reshape(pieces * size, *x.shape[2:])[:n], out)
