"""One stage of training, from where its last checkpoint left it: the host side of the loop."""

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from jaxunfold import compilation
from jaxunfold.errors import InputError
from jaxunfold.training import checkpoint, dispatch, feed, placement, processes
from jaxunfold.training.callbacks import Event


class NonFiniteError(InputError):
    """Training met a value that is not finite. The line names stage, step, term and the last good
    checkpoint."""


class CollapseError(InputError):
    """Training went on without any prospect. The line says what a method saw and names the last good checkpoint."""


PATIENCE = 3
"""Epochs one after the other with something wrong, until a stage ends."""


@dataclasses.dataclass
class Progress:
    """Where a stage is: the counters on the host, as a checkpoint's JSON has them.

    sums: metrics added up over the steps of the current epoch. lr: the last learning rate that a step
    reported. complaints: epochs one after the other with something wrong.
    """

    step: int = 0
    sums: dict[str, float] = dataclasses.field(default_factory=dict)
    lr: float | None = None
    best_loss: float | None = None
    best_epoch: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    stopped: bool = False
    complaints: int = 0


def run_stage(
    loop: Any,
    stage: str,
    init: Callable,
    step: Callable,
    evaluate: Callable | None,
    epochs: int,
    train: Any,
    valid: Any,
    watch: Callable | None = None,
) -> PyTree:
    """See ``loop.Loop.__call__``; ``loop`` is a ``Loop``."""
    plan, mesh, keys = (
        loop.plan_of(train),
        placement.make_mesh(loop.devices),
        dispatch.stage_keys(loop.seed, stage),
    )
    source, total = feed.as_source(train), epochs * plan.steps_per_epoch
    run_valid = _validation(loop, evaluate, valid, mesh, keys.evaluate)
    keeps_best = run_valid is not None and loop.select == "best"
    identity = {"seed": loop.seed, "events": source.num_events, "epochs": epochs, **plan._asdict()}
    directory = None if loop.workdir is None else os.path.join(loop.workdir, "checkpoints")

    state, best, at, saved = _begin(directory, stage, init, source, keys.init, mesh, identity, keeps_best)
    processes.agree("--workdir: steps done in its checkpoints", at.step)
    if at.stopped or at.step == total:
        return placement.own(best if keeps_best else state)

    run_steps = dispatch.make_dispatch(step, plan, mesh, feed.is_resident(source))
    emit = _emitter(loop.callbacks, stage, at, epochs, total, plan)
    emit("start", {})
    last_save, pending, launched = time.monotonic(), None, at.step

    def collect():
        """Wait for the dispatch before, while the device already works on the next."""
        nonlocal pending
        if pending is not None:
            first, metrics = pending
            pending = None
            metrics = jax.device_get(metrics)
            _refuse_non_finite(stage, first, metrics, saved)
            _add(at, metrics)
            at.step = first + plan.steps_per_dispatch
            emit("steps", {})

    batches = feed.dispatches(
        source, dispatch.order_seed(loop.seed, stage), plan, loop.steps_per_dispatch, mesh, launched
    )
    try:
        for start, chunk in batches:
            state, metrics = run_steps(state, chunk, start, launched, keys.step)
            collect()
            pending = (launched, metrics)
            launched += plan.steps_per_dispatch
            epoch_done = launched % plan.steps_per_epoch == 0
            due = time.monotonic() - last_save >= loop.checkpoint_every_seconds
            if epoch_done or due:
                collect()
                _refuse_non_finite_state(stage, at.step, state, saved)
            if epoch_done:
                values = {} if run_valid is None else run_valid(state)
                _refuse_non_finite_values(stage, at.step // plan.steps_per_epoch, values, saved)
                if values and (at.best_loss is None or values["loss"] < at.best_loss):
                    at.best_loss, at.best_epoch = values["loss"], at.step // plan.steps_per_epoch
                    best = placement.copy(state) if keeps_best else None
                at.stopped = emit("epoch", values)
                _refuse_collapse(stage, at, plan, watch, values, saved)
                at.sums = {}
            finished = at.stopped or launched == total
            # with something wrong the last good checkpoint stays the last one
            if directory is not None and processes.leads() and (finished or (due and not at.complaints)):
                tree = {"state": state, "best": best} if keeps_best else {"state": state}
                host = {"identity": identity, "progress": dataclasses.asdict(at)}
                saved = checkpoint.save(directory, stage, at.step, tree, host)
                last_save = time.monotonic()
            if finished:
                break
    except BaseException:
        emit("failed", {})
        raise
    finally:
        batches.close()  # ends a thread that reads ahead
    emit("end", {})
    # the last checkpoint is there when any process goes on
    processes.agree("steps done", at.step)
    return placement.own(best if keeps_best else state)


def _begin(directory, stage, init, source, key, mesh, identity, keeps_best):
    """(state, best, progress, path of the checkpoint or None): restored, or new."""
    batch = feed.head(source, identity["batch_size"])
    found = None
    if directory is not None:
        template = jax.eval_shape(init, key, batch)
        tree = {"state": template, "best": template} if keeps_best else {"state": template}
        found = checkpoint.restore(directory, stage, tree)
    if found is None:
        state = _place(jax.jit(init, compiler_options=compilation.options(compilation.ONCE))(key, batch), mesh)
        return state, placement.copy(state) if keeps_best else None, Progress(), None
    for name, value in identity.items():
        before = found.host["identity"].get(name)
        if before != value:
            raise InputError(f"{found.path}: {name}: expected {value}, found {before}: another training's checkpoint")
    best = _place(found.tree["best"], mesh) if keeps_best else None
    return _place(found.tree["state"], mesh), best, Progress(**found.host["progress"]), found.path


def _place(tree, mesh):
    """On every device, in buffers that nobody else holds."""
    return placement.place(placement.copy(tree), placement.replicated(mesh))


def _leaves(tree):
    return jax.tree_util.tree_flatten_with_path(tree)[0]


def _validation(loop, evaluate, valid, mesh, key):
    """state -> metrics over all validation events, or None where there is nothing to validate."""
    if evaluate is None or valid is None:
        return None
    source = feed.as_source(valid)
    data = feed.whole(source, mesh)
    run = dispatch.make_evaluation(evaluate, mesh, source.num_events, loop.eval_batch_size)

    def validate(state):
        metrics, weights = jax.device_get(run(state, data, key))
        weights = weights.astype(np.float64)
        return {name: float(np.sum(weights * x) / np.sum(weights)) for name, x in metrics.items()}

    return validate


def _add(at, metrics):
    """Add the metrics of a dispatch to those of its epoch, step by step, so that a restart adds alike."""
    for name, values in metrics.items():
        total = at.sums.get(name, 0.0)
        for value in values.tolist():
            total += value
        at.sums[name] = total
    if "lr" in metrics:
        at.lr = float(metrics["lr"][-1])


def _emitter(callbacks, stage, at, epochs, total, plan):
    """(kind, valid) -> whether a callback asks to stop. Keeps the clock."""
    clock = {kind: (time.monotonic(), at.step) for kind in ("start", "steps", "epoch", "end", "failed")}
    last, last_cpu, whole_epoch = time.monotonic(), time.process_time(), ({}, {})

    def emit(kind, valid):
        nonlocal last, last_cpu, whole_epoch
        now, cpu = time.monotonic(), time.process_time()
        at.seconds, last = at.seconds + now - last, now
        at.cpu_seconds, last_cpu = at.cpu_seconds + cpu - last_cpu, cpu
        since, step = clock[kind]
        rate = (at.step - step) * plan.batch_size / max(now - since, 1e-9)
        clock[kind] = (now, at.step)
        count = (at.step - 1) % plan.steps_per_epoch + 1
        train = {name: total / count for name, total in at.sums.items()}
        if at.lr is not None and train:
            train["lr"] = at.lr
        if kind == "epoch":
            whole_epoch = train, valid
        elif kind == "end":
            train, valid = whole_epoch
        event = Event(
            kind=kind,
            stage=stage,
            epoch=at.step // plan.steps_per_epoch,
            epochs=epochs,
            step=at.step,
            steps=total,
            batch_size=plan.batch_size,
            train=train,
            valid=valid,
            best_epoch=at.best_epoch,
            seconds=at.seconds,
            events_per_second=rate,
            cpu_seconds=at.cpu_seconds,
        )
        stop = False
        for callback in callbacks:
            # One that failed must not keep the others from leaving the terminal in order.
            with contextlib.suppress(Exception) if kind == "failed" else contextlib.nullcontext():
                stop = bool(callback(event)) or stop
        return stop

    return emit


def _refuse_non_finite(stage, first, metrics, saved):
    """Raise at the first step of a dispatch with a metric that is not finite."""
    bad = {name: ~np.isfinite(values) for name, values in metrics.items()}
    any_bad = np.any([*bad.values()], axis=0) if bad else np.zeros(1, bool)
    if any_bad.any():
        i = int(np.argmax(any_bad))
        terms = ", ".join(f"{name} is {metrics[name][i]}" for name in metrics if bad[name][i])
        raise NonFiniteError(f"{stage}: step {first + i + 1}: {terms}; {_last(saved)}")


def _refuse_non_finite_state(stage, step, state, saved):
    """Raise where an array of the state is not finite: before it is judged or saved.

    On the host, for inside the compiled steps it takes half as many operations as a small network's gradient.
    """
    bad = [
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, leaf in _leaves(placement.own(state))
        if jnp.issubdtype(leaf.dtype, jnp.inexact) and not np.isfinite(np.asarray(leaf)).all()
    ]
    if bad:
        where = ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
        raise NonFiniteError(f"{stage}: step {step}: state not finite in {where}; {_last(saved)}")


def _refuse_non_finite_values(stage, epoch, values, saved):
    terms = ", ".join(f"{name} is {value}" for name, value in values.items() if not math.isfinite(value))
    if terms:
        raise NonFiniteError(f"{stage}: validation after epoch {epoch}: {terms}; {_last(saved)}")


def _refuse_collapse(stage, at, plan, watch, values, saved):
    """Count epochs with something wrong; raise where there were too many."""
    if watch is None:
        return
    wrong = watch({name: total / plan.steps_per_epoch for name, total in at.sums.items()}, values)
    at.complaints = at.complaints + 1 if wrong else 0
    if at.complaints >= PATIENCE:
        epoch = at.step // plan.steps_per_epoch
        raise CollapseError(f"{stage}: epochs {epoch - PATIENCE + 1} to {epoch}: {wrong}; {_last(saved)}")


def _last(saved):
    return f"last good checkpoint: {saved}" if saved else "there is no checkpoint yet"
