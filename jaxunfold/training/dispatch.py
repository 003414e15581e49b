"""The compiled side of the loop: several training steps in one call, a validation pass in one call.

Everything random is a function of (seed, stage, step or epoch), so that a restart needs no saved key.
"""

import functools
import zlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Int, PyTree

from jaxunfold.data import batches
from jaxunfold.errors import InputError
from jaxunfold.training.placement import replicated, sharded
from jaxunfold.types import Key


class Plan(NamedTuple):
    """How an epoch is cut: steps of ``batch_size`` events, dispatches of ``steps_per_dispatch`` steps.

    ``steps_per_epoch`` is a multiple of ``steps_per_dispatch``, so that one program is compiled.
    """

    batch_size: int
    steps_per_epoch: int
    steps_per_dispatch: int


class Keys(NamedTuple):
    """One key per purpose of a stage."""

    init: Key
    step: Key
    evaluate: Key


def even_split(n: int, at_most: int) -> tuple[int, int]:
    """Cut n into equal parts of at most ``at_most``: (count, size).

    Between the fewest possible parts and twice as many, the number that leaves out the fewest of n: at most
    count - 1, and none where n has a suitable divisor.
    """
    fewest = -(-n // at_most)
    count = min(range(fewest, min(2 * fewest, n) + 1), key=lambda c: n - c * (n // c))
    return count, n // count


def make_plan(n: int, batch_size: int, steps_per_dispatch: int, num_devices: int = 1) -> Plan:
    """Cut an epoch of ``n`` events, as ``data.batches.plan`` does.

    Events that fill no batch, and batches that fill no dispatch (fewer than there are dispatches), are left
    out of the epoch; as each epoch has an order of its own, they are others each time. With fewer events than
    ``batch_size`` the batch shrinks.

    Raises: InputError for numbers below 1, or a batch that does not divide over the devices.
    """
    for name, value in (("batch_size", batch_size), ("steps_per_dispatch", steps_per_dispatch)):
        if value < 1:
            raise InputError(f"{name}: expected at least 1, got {value}")
    if n < num_devices:
        raise InputError(f"training events: expected at least {num_devices}, got {n}")
    if n < batch_size:
        batch_size = n - n % num_devices
    if batch_size % num_devices:
        raise InputError(f"batch_size: expected a multiple of the {num_devices} devices, got {batch_size}")
    cut = batches.plan(n, batch_size, steps_per_dispatch)
    return Plan(cut.batch_size, cut.dispatches * cut.steps, cut.steps)


def stage_keys(seed: int, stage: str) -> Keys:
    """The keys of a stage: a function of the seed and the stage's name."""
    key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(stage.encode()))
    return Keys(*jax.random.split(key, 3))


def order_seed(seed: int, stage: str) -> int:
    """What the order of events in a stage is seeded with."""
    return (seed << 32) | zlib.crc32(stage.encode())


def rows(data: PyTree, index: Int[Array, " b"]) -> PyTree:
    """The rows ``index`` of every array."""
    return jax.tree.map(lambda x: x.at[index].get(mode="promise_in_bounds"), data)


@functools.lru_cache(maxsize=16)
def make_dispatch(step: Callable, plan: Plan, mesh: Mesh, resident: bool) -> Callable:
    """Compile ``steps_per_dispatch`` training steps into one call; once for the same arguments.

    Returns: (state, source, start, first_step, key) -> (state, metrics {name: [steps_per_dispatch]}), with the
        state donated. source is (data [n, ...], order [n]) where the data live on the device, else the dispatch's
        own batches [steps_per_dispatch, batch_size, ...]. start counts steps within the epoch, first_step from the
        beginning of the stage.
    """
    size = plan.batch_size

    def gather(source, start, i):
        if not resident:
            return jax.tree.map(lambda x: x[i], source)
        data, order = source
        index = jax.lax.dynamic_slice_in_dim(order, (start + i) * size, size)
        return rows(data, jax.lax.with_sharding_constraint(index, sharded(mesh)))

    def dispatch(state, source, start, first_step, key):
        def body(state, i):
            batch = jax.lax.with_sharding_constraint(gather(source, start, i), sharded(mesh))
            return step(state, batch, jax.random.fold_in(key, first_step + i))

        return jax.lax.scan(body, state, jnp.arange(plan.steps_per_dispatch))

    return jax.jit(dispatch, donate_argnums=0, out_shardings=replicated(mesh))


@functools.lru_cache(maxsize=16)
def make_evaluation(evaluate: Callable, mesh: Mesh, n: int, at_most: int) -> Callable:
    """Compile a pass over the validation events, in chunks of at most ``at_most``.

    Returns: (state, data [n, ...], key) -> (metrics {name: [chunks]}, weights [chunks]), where weights are
        the sums of ``batch.weight``, or the numbers of events where the batch has no such field.
    """
    count, size = even_split(n, at_most)
    # The chunks must not depend on the number of devices: share one out only if it divides.
    placement = sharded(mesh) if size % mesh.size == 0 else replicated(mesh)

    def chunk(state, data, key, i):
        batch = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, i * size, size), data)
        batch = jax.lax.with_sharding_constraint(batch, placement)
        weight = getattr(batch, "weight", None)
        total = jnp.float32(size) if weight is None else jnp.sum(weight)
        return evaluate(state, batch, jax.random.fold_in(key, i)), total

    def run(state, data, key):
        return jax.lax.map(lambda i: chunk(state, data, key, i), jnp.arange(count))

    return jax.jit(run, out_shardings=replicated(mesh))
