"""A whole sample: chunks in any number of workers, kept in a side folder until the file is complete.

The file is made of the chunks' events in the order of the chunks, cut at the number asked for, so that it
depends neither on the number of workers nor on interruptions.
"""

import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path

import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.simulation.chunk import Chunk, run_chunk
from jaxunfold.simulation.process import Process

HOPELESS = 200_000
"""Collisions without a single accepted event after which a simulation gives up."""


def simulate(
    process: Process,
    seed: int,
    num_events: int,
    parts: Path,
    done: dict[int, Chunk],
    workers: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> list[Chunk]:
    """The chunks of a sample, in order; together they hold at least ``num_events`` events.

    Args:
      parts: Folder for finished chunks; the caller removes it once the file is written.
      done: Chunks that are there already, as ``open_parts`` returns them; new ones are added.
      on_progress: Called with the number of events so far.
    Raises: InputError where nothing is ever accepted, or ``parts`` cannot be written.
    """
    report = on_progress or (lambda count: None)
    make = _in_process if workers == 1 else _in_pool
    for index, chunk in make(process, seed, num_events, done, workers, report):
        done[index] = chunk
        _save(parts / f"{index:06d}.npz", chunk)
        report(min(count(done), num_events))
        tried = sum(chunk.generated for chunk in done.values())
        if count(done) == 0 and tried >= HOPELESS:
            raise InputError(f"config: expected some events to be accepted, found none in {tried} collisions")
    return [done[index] for index in range(_needed(done, num_events))]


def _in_process(process: Process, seed: int, num_events: int, done: dict, workers: int, report) -> Iterator:
    """Missing chunks one after the other, in this process."""
    while (before := _prefix(done)) < num_events:
        index = _first_missing(done)
        yield (
            index,
            run_chunk(process, seed, index, num_events, lambda n, b=before: report(min(b + n, num_events))),
        )


def _in_pool(process: Process, seed: int, num_events: int, done: dict, workers: int, report) -> Iterator:
    """Missing chunks from a pool of processes, as they finish."""
    # spawned, not forked: the parent may hold threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
        running: dict = {}
        try:
            while _prefix(done) < num_events:
                mean = count(done) / len(done) if done else num_events / workers
                index = 0
                while len(running) < workers:
                    while index in done or index in running.values():
                        index += 1
                    missing_before = any(i not in done for i in range(_first_missing(done), index))
                    if missing_before and count(done) + 0.95 * mean * len(running) >= num_events:
                        break
                    running[pool.submit(run_chunk, process, seed, index, num_events)] = index
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _first_missing(done: dict[int, Chunk]) -> int:
    return next(i for i in range(len(done) + 1) if i not in done)


def _end_with_parent() -> None:
    """Let a worker end when the process that started it is gone, killed or not."""

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _prefix(done: dict[int, Chunk]) -> int:
    """Events in the chunks before the first one that is missing."""
    return sum(len(done[i].truth) for i in range(_first_missing(done)))


def count(done: dict[int, Chunk]) -> int:
    """Events in all chunks."""
    return sum(len(chunk.truth) for chunk in done.values())


def _needed(done: dict[int, Chunk], num_events: int) -> int:
    """How many leading chunks make up the sample, or the first missing one if they do not."""
    total = 0
    for index in range(_first_missing(done)):
        total += len(done[index].truth)
        if total >= num_events:
            return index + 1
    return _first_missing(done)


def open_parts(parts: Path, name: str, resume: bool) -> dict[int, Chunk]:
    """The chunks already there, if they are to be used; else an empty folder marked as this simulation's."""
    label = parts / "key"
    try:
        if parts.exists() and resume:
            found = label.read_text() if label.exists() else ""
            if found != name:
                raise InputError(f"{parts}: expected the chunks of this simulation, found another's: drop --resume")
            return {int(file.stem): _load(file) for file in sorted(parts.glob("??????.npz"))}
        if label.exists():
            shutil.rmtree(parts)
        parts.mkdir(parents=True, exist_ok=True)
        label.write_text(name)
    except OSError as error:
        raise InputError(f"{parts}: cannot be written ({error.strerror})") from error
    return {}


def _save(path: Path, chunk: Chunk) -> None:
    """Write a chunk whole or not at all."""
    temporary = path.with_suffix(".tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, **chunk._asdict())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error


def _load(path: Path) -> Chunk:
    with np.load(path, allow_pickle=False) as file:
        values = {name: file[name] for name in Chunk._fields}
    return Chunk(**{**values, "generated": int(values["generated"])})
