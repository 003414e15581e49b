"""A whole sample: chunks in any number of workers, kept in a side folder until the file is complete.

The file is made of the chunks' events in the order of the chunks, cut at the number asked for, so that it
depends neither on the number of workers nor on interruptions.
"""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path

from jaxunfold.cluster import Pool
from jaxunfold.data import parts as files
from jaxunfold.errors import InputError
from jaxunfold.simulation.chunk import Chunk, Cost, run_chunk
from jaxunfold.simulation.process import Process

HOPELESS = 200_000
"""Collisions without a single accepted event after which a simulation gives up."""


def simulate(
    process: Process,
    seed: int,
    num_events: int,
    parts: Path,
    done: dict[int, Cost],
    pool: Pool | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> list[Cost]:
    """Leave the chunks of a sample in ``parts``; those returned hold at least ``num_events`` events, in order.

    Args:
      parts: Folder for finished chunks; the caller removes it once the file is written.
      done: Chunks that are there already, as ``open_parts`` returns them; new ones are added.
      pool: What runs them; None for this process.
      on_progress: Called with the number of events so far.
    Raises: InputError where nothing is ever accepted, or ``parts`` cannot be written.
    """
    report = on_progress or (lambda count: None)
    if pool is None:
        made = _in_process(process, seed, num_events, done, report)
    else:
        made = _in_pool(process, seed, num_events, done, pool)
    for index, chunk in made:
        files.save(parts, index, chunk._asdict())
        done[index] = _cost(chunk)
        report(min(count(done), num_events))
        tried = sum(chunk.generated for chunk in done.values())
        if count(done) == 0 and tried >= HOPELESS:
            raise InputError(f"config: expected some events to be accepted, found none in {tried} collisions")
    return [done[index] for index in range(_needed(done, num_events))]


def _in_process(process: Process, seed: int, num_events: int, done: dict, report) -> Iterator:
    """Missing chunks one after the other, in this process."""
    while (before := _prefix(done)) < num_events:
        index = _first_missing(done)
        yield (
            index,
            run_chunk(process, seed, index, num_events, lambda n, b=before: report(min(b + n, num_events))),
        )


@contextlib.contextmanager
def local_pool(workers: int) -> Iterator[Pool | None]:
    """Processes of this machine; None, for this process, where one is asked for."""
    if workers == 1:
        yield None
        return
    # spawned, not forked: the parent may hold threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
        yield Pool(pool.submit, lambda: workers)


def _in_pool(process: Process, seed: int, num_events: int, done: dict, pool: Pool) -> Iterator:
    """Missing chunks from a pool of processes, as they finish."""
    running: dict = {}
    try:
        while _prefix(done) < num_events:
            workers = max(1, pool.width())
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
        for future in running:
            future.cancel()


def _first_missing(done: dict[int, Cost]) -> int:
    return next(i for i in range(len(done) + 1) if i not in done)


def _end_with_parent() -> None:
    """Let a worker end when the process that started it is gone, killed or not."""

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _prefix(done: dict[int, Cost]) -> int:
    """Events in the chunks before the first one that is missing."""
    return sum(done[i].events for i in range(_first_missing(done)))


def count(done: dict[int, Cost]) -> int:
    """Events in all chunks."""
    return sum(chunk.events for chunk in done.values())


def _needed(done: dict[int, Cost], num_events: int) -> int:
    """How many leading chunks make up the sample, or the first missing one if they do not."""
    total = 0
    for index in range(_first_missing(done)):
        total += done[index].events
        if total >= num_events:
            return index + 1
    return _first_missing(done)


def open_parts(parts: Path, name: str, resume: bool) -> dict[int, Cost]:
    """The chunks already there, if they are to be used; else an empty folder marked as this simulation's."""
    return {index: _cost(load(parts, index)) for index in files.open_folder(parts, name, resume)}


def load(parts: Path, index: int) -> Chunk:
    """A chunk that is done."""
    values = files.load(parts, index)
    return Chunk(**{**values, "generated": int(values["generated"])})


def _cost(chunk: Chunk) -> Cost:
    return Cost(len(chunk.truth), chunk.generated, chunk.seconds)
