"""Gradient descent on any loss, with a running mean of the parameters: the ``init`` and ``step`` of most methods."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxunfold.training.optimizer import ema_update
from jaxunfold.types import Params


class State(NamedTuple):
    """params: the trained weights; ema: their running mean, which unfolds; opt_state; step: updates so far."""

    params: Params
    ema: Params
    opt_state: optax.OptState
    step: jax.Array


def descent(
    start: Callable,
    terms: Callable,
    optimizer: optax.GradientTransformation,
    ema: float = 0.0,
    scheduled: bool = False,
) -> tuple[Callable, Callable]:
    """``init`` and ``step`` of a method that descends along one gradient.

    Args:
      start: (key, batch) -> params.
      terms: (params, batch, key) -> (loss, {name: value of a term}).
      optimizer: An optax transformation.
      ema: Decay of the running mean of the weights; 0 keeps the last weights.
      scheduled: ``terms`` also takes the number of updates so far: (params, batch, key, step).
    A batch is what ``start`` and ``terms`` expect, a ``types.Batch`` for a method.

    Returns: init: (key, batch) -> State; step: (state, batch, key) -> (State, {"loss": ..., terms}).
    """

    def init(key, batch) -> State:
        params = start(key, batch)
        # a copy: a donated buffer must not appear twice
        mean = jax.tree.map(jnp.copy, params)
        return State(params, mean, optimizer.init(params), jnp.zeros((), jnp.int32))

    def step(state: State, batch, key):
        at = (state.step,) if scheduled else ()
        (loss, parts), grads = jax.value_and_grad(terms, has_aux=True)(state.params, batch, key, *at)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        mean = ema_update(state.ema, params, ema, state.step)
        return State(params, mean, opt_state, state.step + 1), {"loss": loss, **parts}

    return init, step
