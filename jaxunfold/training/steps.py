"""A small training in one compiled program: all steps in one scan, with batches made on the device."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxunfold.types import Batch, Key, Reco


def run(step: Callable, state: Any, make: Callable[[Key], Any], key: Key, steps: int) -> tuple[Any, dict]:
    """The state after ``steps`` updates, and the metrics of each [steps].

    Args:
      step: (state, batch, key) -> (state, metrics), as methods hand it out.
      make: key -> batch.
    """

    def body(state, key):
        batch_key, step_key = jax.random.split(key)
        return step(state, make(batch_key), step_key)

    return jax.jit(lambda state, key: jax.lax.scan(body, state, jax.random.split(key, steps)))(state, key)


def rows_of(data: Batch, size: int) -> Callable[[Key], Batch]:
    """key -> a batch of ``size`` rows of events in memory, drawn with replacement."""
    n = len(data.weight)
    return lambda key: jax.tree.map(lambda x: x[jax.random.randint(key, (size,), 0, n)], data)


def unconditional(truth, weight=None) -> Batch:
    """Events [n, d] of which nothing is measured."""
    truth = jnp.asarray(truth, jnp.float32)
    weight = jnp.ones(len(truth)) if weight is None else jnp.asarray(weight, jnp.float32)
    return Batch(truth, Reco(jnp.zeros((len(truth), 0))), weight)
