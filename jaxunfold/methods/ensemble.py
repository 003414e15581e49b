"""Deep ensembles and the bootstrap: the same training many times over, as one compiled program.

Members differ by their start and what is random in a step (Lakshminarayanan et al., arXiv:1612.01474), or by the
training events: each counts a Poisson number of times with mean one, as if another sample had been drawn. All
members see the batches in the same order.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxunfold.errors import InputError
from jaxunfold.methods import members as several
from jaxunfold.types import Batch, Method, Spec

CUMULATIVE = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(12)]).astype(np.float32)


class State(NamedTuple):
    """members: states of the base method, every leaf [members, ...]."""

    members: Any


def multiplicity(batch: Batch, number) -> Float[Array, " n"]:
    """How often each event counts for this member: Poisson with mean one, a function of what the event holds.

    No matter in which batch or epoch it comes, an event counts the same; so nothing of it is to be stored, and a
    stream of events will do. Events that are equal in every number count together.
    """
    columns = jnp.concatenate([batch.truth, batch.reco.features], axis=1)
    bits = jax.lax.bitcast_convert_type(columns.astype(jnp.float32), jnp.uint32)
    state = jnp.full(len(columns), 0x9E3779B9, jnp.uint32) * (jnp.uint32(number) + jnp.uint32(1))
    for column in bits.T:
        state = _mixed(state ^ column)
    # twice more, that the last column is mixed as well as the first
    uniform = (_mixed(_mixed(state)) >> 8).astype(jnp.float32) / 2**24
    return jnp.searchsorted(jnp.asarray(CUMULATIVE), uniform, side="right").astype(jnp.float32)


def _mixed(x):
    """The finaliser of MurmurHash3: every bit of the output depends on every one of the input."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def build(
    methods: Mapping[str, Callable],
    spec: Spec,
    optimizer: optax.GradientTransformation,
    *,
    base: str,
    base_model: Mapping,
    members: int = 5,
    bootstrap: bool = False,
    same_start: bool = False,
) -> Method:
    """An ensemble of any generative method.

    Args:
      methods: The methods by name, of which ``base`` is one; bound in ``METHODS``.
      spec: The problem. optimizer: Of each member.
      base_model: Options of the base method. members: How many of them.
      bootstrap: Give each member a bootstrap of the training events.
      same_start: Start all members from the same weights: with ``bootstrap``, what differs is the sample alone.
    Raises: InputError if the base unfolds a sample as a whole, or an option does not fit.
    """
    if members < 2:
        raise InputError(f"model.members: expected at least 2, found {members}")
    if base not in methods:
        raise InputError(f"model.base: expected one of {', '.join(sorted(methods))}, found {base!r}")
    if bootstrap and spec.copies > 1:
        raise InputError(
            "model.bootstrap: expected training events without mirror images, which are none of their own, found "
            f"{spec.copies} of each (data.augment)"
        )
    one = methods[base](spec, optimizer, **base_model)
    if one.whole_sample or one.step is None:
        raise InputError(f"model.base: expected a generative method with one training, found {base!r}")
    numbers = jnp.arange(members)

    def keys(key, same=False):
        return jnp.broadcast_to(key, (members,)) if same else jax.random.split(key, members)

    def init(key, batch: Batch) -> State:
        return State(jax.vmap(one.init, (0, None))(keys(key, same_start), batch))

    def step(state: State, batch: Batch, key):
        def of_member(state, number, key):
            weight = batch.weight * multiplicity(batch, number) if bootstrap else batch.weight
            return one.step(state, batch._replace(weight=weight), key)

        new, metrics = jax.vmap(of_member)(state.members, numbers, keys(key, same_start))
        return State(new), jax.tree.map(jnp.mean, metrics)

    def evaluate(state: State, batch: Batch, key):
        return jax.tree.map(jnp.mean, jax.vmap(one.evaluate, (0, None, None))(state.members, batch, key))

    def member(state: State):
        return lambda number: jax.tree.map(lambda x: x[number], state.members)

    return several.method_of(one, member, members, "ensemble", init, step, evaluate)
