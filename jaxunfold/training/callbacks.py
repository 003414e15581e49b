"""What watches a training run: plain callables of one event; True, returned at an epoch, ends the stage."""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from jaxunfold.errors import InputError


class Event(NamedTuple):
    """Something that happened in the training loop.

    kind: ``start`` (of a stage, or of what a restart has left to do), ``steps`` (a dispatch is done),
        ``epoch``, ``end``, or ``failed`` (an exception is on its way).
    stage: its name.
    epoch, step: how many are done; epochs, steps: of how many.
    batch_size: events in a step.
    train: mean metrics of the epoch so far; at ``end`` those of the last epoch.
    valid: validation metrics, at ``epoch`` and at ``end``; else empty.
    best_epoch: the epoch of the lowest validation loss so far, 0 before there is one.
    seconds: training time of the stage, over all restarts.
    events_per_second: rate since the last event of the same kind.
    cpu_seconds: of all threads of the process, as ``seconds``.
    """

    kind: str
    stage: str
    epoch: int
    epochs: int
    step: int
    steps: int
    batch_size: int
    train: dict[str, float]
    valid: dict[str, float]
    best_epoch: int
    seconds: float
    events_per_second: float
    cpu_seconds: float = 0.0


def metrics_writer(path: str) -> Callable[[Event], None]:
    """Write one JSON object per epoch to ``path``.

    When a stage goes on after a restart, its lines beyond the restored epoch are dropped first, and so is a
    line that was cut short, so that no epoch appears twice.

    Raises: InputError if the file cannot be written.
    """

    def write(event):
        try:
            if event.kind == "start":
                _truncate(path, event.stage, event.epoch)
            elif event.kind == "epoch":
                line = {"stage": event.stage, "epoch": event.epoch, "step": event.step}
                if "lr" in event.train:
                    line["lr"] = event.train["lr"]
                line["train"] = {name: value for name, value in event.train.items() if name != "lr"}
                line["valid"] = event.valid
                line["seconds"] = round(event.seconds, 3)
                line["cpu_seconds"] = round(event.cpu_seconds, 3)
                line["events_per_second"] = round(event.events_per_second, 1)
                with open(path, "a") as file:
                    file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise InputError(f"{path}: cannot write the metrics: {error.strerror}") from error

    return write


def read_metrics(path: str) -> list[dict]:
    """The complete lines of a metrics file, in order; empty if there is no file."""
    lines = []
    if os.path.exists(path):
        with open(path) as file:
            for line in file:
                try:
                    lines.append(json.loads(line))
                except json.JSONDecodeError:
                    continue  # cut short by a kill
    return lines


def _truncate(path, stage, epoch):
    if not os.path.exists(path):
        return
    kept = [line for line in read_metrics(path) if line["stage"] != stage or line["epoch"] <= epoch]
    with open(path + ".tmp", "w") as file:
        file.writelines(json.dumps(line) + "\n" for line in kept)
    os.replace(path + ".tmp", path)


def early_stopping(patience: int) -> Callable[[Event], bool]:
    """End a stage when the validation loss has had no new minimum for ``patience`` epochs.

    It keeps nothing between calls, so that a restarted run stops where an uninterrupted one does.

    Raises: InputError if patience is below 1.
    """
    if patience < 1:
        raise InputError(f"patience: expected at least 1, got {patience}")

    def stop(event):
        return event.kind == "epoch" and bool(event.valid) and event.epoch - event.best_epoch >= patience

    return stop


def progress(file=None, every_seconds: float = 10.0) -> Callable[[Event], None]:
    """Show how training goes: a bar on a terminal, else a line every ``every_seconds`` and at the end of a
    stage.

    Both show the stage, epoch, step, events per second, time left, and the losses.

    Args:
        file: where to; standard error by default.
    """
    file = sys.stderr if file is None else file
    return _bar(file) if file.isatty() else _lines(file, every_seconds)


def describe(event: Event, seconds_left: float | None = None) -> str:
    """One line on where training is."""
    words = [
        event.stage,
        f"epoch {-(-event.step * event.epochs // event.steps)}/{event.epochs}",
        f"step {event.step}/{event.steps}",
        f"{event.events_per_second:,.0f} events/s",
    ]
    if seconds_left is not None:
        words.append(f"{_clock(seconds_left)} left")
    return "  ".join(words + losses(event))


def losses(event: Event) -> list[str]:
    """The losses of an event in words."""
    parts = (("train", event.train), ("valid", event.valid))
    return [f"{name} {values['loss']:.4f}" for name, values in parts if "loss" in values]


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _left(first: Event, now: Event) -> float | None:
    """Time left at the pace since ``first``."""
    done = now.step - first.step
    return (now.seconds - first.seconds) / done * (now.steps - now.step) if done else None


def _lines(file, every_seconds):
    first, last_time = None, time.monotonic()

    def show(event):
        nonlocal first, last_time
        if event.kind == "start":
            first, last_time = event, time.monotonic()
            if event.step:
                print(f"{event.stage}  goes on from step {event.step}/{event.steps}", file=file, flush=True)
        elif event.kind == "end":
            print(f"{describe(event)}  done in {_clock(event.seconds)}", file=file, flush=True)
        elif event.kind != "failed" and time.monotonic() - last_time >= every_seconds:
            last_time = time.monotonic()
            print(describe(event, _left(first, event)), file=file, flush=True)

    return show


def _bar(file):
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[loss]}"),
    ]
    bar, task = None, None

    def show(event):
        nonlocal bar, task
        rate = f"{event.events_per_second:,.0f} events/s"
        text = f"{event.stage} {event.epoch}/{event.epochs}"
        if event.kind == "start":
            bar = Progress(*columns, console=Console(file=file), expand=True, refresh_per_second=4)
            # The task starts at the restored step, so that the time left knows only this run's pace.
            task = bar.add_task(text, total=event.steps, completed=event.step, rate="compiling", loss="")
            bar.start()
        elif bar is not None:
            shown = {"rate": rate} if event.kind == "steps" else {}
            if losses(event):
                shown["loss"] = " ".join(losses(event))
            bar.update(task, description=text, completed=event.step, **shown)
            if event.kind in ("end", "failed"):
                bar.stop()

    return show
