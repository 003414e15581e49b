"""How a source of events reaches the devices: whole and once, or one dispatch's batches at a time."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import PyTree

from jaxunfold.data.batches import ArraySource
from jaxunfold.training.dispatch import Plan
from jaxunfold.training.placement import place, replicated, sharded


def as_source(data: Any) -> Any:
    """A source of batches: what has ``dispatches`` is one, a pytree of arrays [n, ...] is made one."""
    return data if hasattr(data, "dispatches") else ArraySource(data)


def is_resident(source: Any) -> bool:
    """Whether all events lie on the devices."""
    return isinstance(source, ArraySource)


def whole(source: Any, mesh: Mesh) -> PyTree:
    """All events, [n, ...], on every device."""
    return place(everything(source), replicated(mesh))


def everything(data: Any) -> PyTree:
    """All events of a source or a pytree, [n, ...], in memory."""
    source = as_source(data)
    return source.arrays if is_resident(source) else source.take(np.arange(source.num_events))


def head(source: Any, size: int) -> PyTree:
    """The first events, [size, ...]: what a method's ``init`` sees."""
    if is_resident(source):
        return jax.tree.map(lambda x: x[:size], source.arrays)
    return source.take(np.arange(size))


def dispatches(
    source: Any, seed: int, plan: Plan, steps_per_dispatch: int, mesh: Mesh, first_step: int
) -> Iterator[tuple[int, PyTree]]:
    """Without end: (start, what the compiled dispatch takes as ``source``), from step ``first_step`` on.

    start: the steps of the epoch that come before.
    """
    resident = is_resident(source)
    data = whole(source, mesh) if resident else None
    epoch, begin = divmod(first_step, plan.steps_per_epoch)
    while True:
        if resident:
            order = place(source.epoch_order(seed, epoch), replicated(mesh))
            for start in range(begin, plan.steps_per_epoch, plan.steps_per_dispatch):
                yield start, (data, order)
        else:
            skip = begin // plan.steps_per_dispatch
            chunks = source.dispatches(seed, epoch, plan.batch_size, steps_per_dispatch, skip)
            for number, chunk in enumerate(chunks, skip):
                yield number * plan.steps_per_dispatch, place(chunk, sharded(mesh, axis=1))
        epoch, begin = epoch + 1, 0
