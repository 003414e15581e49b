"""Trainings on arrays in memory, an epoch a compiled program: for methods' parts that need no checkpoints."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from jaxunfold.types import Key


def run_epochs(key: Key, state: PyTree, step: Callable, data: PyTree, *, batch_size: int, epochs: int):
    """All epochs of a training, each in an order of its own.

    Args:
      key: Of orders and steps. state: To start from; its buffers are given away.
      step: (state, batch, key) -> (state, {name: scalar}). data: Arrays [n, ...], shown in batches of ``batch_size``
        (of n where there are fewer); what is left over of an epoch is another part each time.
    Returns: (state, {name: mean of each epoch, [epochs]}).
    """
    n = len(jax.tree.leaves(data)[0])
    size = min(batch_size, n)

    def epoch(state, data, key):
        order = jax.random.permutation(key, n)[: n // size * size].reshape(-1, size)

        def body(state, at):
            rows, number = at
            batch = jax.tree.map(lambda x: x[rows], data)
            return step(state, batch, jax.random.fold_in(key, number))

        state, metrics = jax.lax.scan(body, state, (order, jnp.arange(len(order))))
        return state, jax.tree.map(jnp.mean, metrics)

    compiled = jax.jit(epoch, donate_argnums=0)
    # copies: the caller's state stays his own
    state, out = jax.tree.map(jnp.copy, state), []
    for number in range(epochs):
        state, metrics = compiled(state, data, jax.random.fold_in(key, number))
        out.append(metrics)
    return state, {name: jnp.stack([metrics[name] for metrics in out]) for name in out[0]}
