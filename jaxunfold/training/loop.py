"""The one training loop: ``loop(stage, init, step, evaluate) -> state`` for every method and every stage of
one.

It owns the data, the order of events, the keys, checkpoints, restarts and what watches them. Killed at any
moment and started again it ends with the same parameters, bit for bit: a state follows from (seed, stage,
step) alone.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import PyTree

from jaxunfold.errors import InputError
from jaxunfold.training import dispatch, feed
from jaxunfold.training.stage import CollapseError, NonFiniteError, run_stage

__all__ = ["CollapseError", "Loop", "NonFiniteError", "make_loop"]


@dataclasses.dataclass(frozen=True)
class Loop:
    """See ``make_loop``."""

    workdir: str | None
    train: Any
    valid: Any
    batch_size: int
    epochs: int
    steps_per_dispatch: int
    seed: int
    checkpoint_every_seconds: float
    callbacks: tuple[Callable, ...]
    devices: tuple
    select: str
    eval_batch_size: int

    @property
    def plan(self) -> dispatch.Plan:
        """How an epoch is cut into steps."""
        return self.plan_of(self.train)

    def plan_of(self, train) -> dispatch.Plan:
        """How an epoch of other training events is cut."""
        return dispatch.make_plan(
            feed.as_source(train).num_events, self.batch_size, self.steps_per_dispatch, len(self.devices)
        )

    @property
    def total_steps(self) -> int:
        """Steps of one stage: what a learning-rate schedule needs to know."""
        return self.epochs * self.plan.steps_per_epoch

    def __call__(
        self,
        stage: str,
        init: Callable,
        step: Callable,
        evaluate: Callable | None = None,
        epochs: int | None = None,
        train: Any = None,
        valid: Any = None,
        watch: Callable | None = None,
    ) -> PyTree:
        """Train one stage, or restore it if it was finished before.

        Args:
            stage: name, unique within the workdir: its checkpoints and random numbers go by it.
            init: (key, batch) -> state, a pytree of arrays.
            step: (state, batch, key) -> (state, metrics), metrics a dict of scalars with ``loss``.
            evaluate: (state, batch, key) -> metrics over the batch, weighted by its weights.
            epochs, train, valid: in place of the loop's own.
            watch: (train, valid metrics of an epoch) -> what is wrong with it, in words, or None. A stage with
                something wrong in ``stage.PATIENCE`` epochs one after the other ends.
        Returns: the last state, or the one of the lowest validation loss.
        Raises: NonFiniteError; CollapseError; InputError if a checkpoint cannot be written or belongs to
            another training.
        """
        train = self.train if train is None else train
        valid = self.valid if valid is None else valid
        return run_stage(self, stage, init, step, evaluate, epochs or self.epochs, train, valid, watch)


def make_loop(
    workdir: str | None,
    train: Any,
    valid: Any = None,
    *,
    batch_size: int,
    epochs: int,
    steps_per_dispatch: int = 20,
    seed: int = 0,
    checkpoint_every_seconds: float = 30.0,
    callbacks: tuple[Callable, ...] | list[Callable] = (),
    devices: Any = None,
    select: str = "last",
    eval_batch_size: int = 4096,
) -> Loop:
    """Bind everything about a training run that is not the method's.

    Args:
        workdir: checkpoints go to ``workdir/checkpoints/STAGE``; None for none.
        train, valid: pytree of arrays [n, ...], or a source of ``data.batches``: arrays are put on the
            devices whole, a StreamSource is read as training goes.
        batch_size: events per step; smaller if there are fewer.
        epochs: passes over the training events.
        steps_per_dispatch: at most so many steps run without a look from the host. See
            ``dispatch.make_plan`` for which events an epoch leaves out.
        seed: of the order of events and of every key a method gets.
        checkpoint_every_seconds: a checkpoint at most so often, and one when a stage is finished.
        callbacks: see ``callbacks``.
        devices: devices to spread each batch over; all by default, those of other processes
            among them.
        select: ``last`` or ``best``: which state a stage returns; ``best`` is of use where there is an
            evaluate.
        eval_batch_size: validation events are taken in chunks of at most this size.
    Raises: InputError for a value out of range.
    """
    if select not in ("last", "best"):
        raise InputError(f"select: expected last or best, got {select!r}")
    for name, value in (("epochs", epochs), ("eval_batch_size", eval_batch_size)):
        if value < 1:
            raise InputError(f"{name}: expected at least 1, got {value}")
    loop = Loop(
        workdir=workdir,
        train=train,
        valid=valid,
        batch_size=batch_size,
        epochs=epochs,
        steps_per_dispatch=steps_per_dispatch,
        seed=seed,
        checkpoint_every_seconds=checkpoint_every_seconds,
        callbacks=tuple(callbacks),
        devices=tuple(jax.devices() if devices is None else devices),
        select=select,
        eval_batch_size=eval_batch_size,
    )
    _ = loop.plan  # refuses a bad batch size before any work
    return loop
