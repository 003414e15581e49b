"""Where a training loop's batches come from: arrays on the device, or a file larger than memory.

Both sources have one face: ``num_events``, ``epoch_order(seed, epoch)``, ``take(rows)`` and
``dispatches(seed, epoch, batch_size, steps, start)``. What they yield is a pure function of the arguments, so
that a run resumes at any dispatch of any epoch.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.data import schema
from jaxunfold.data.events import Events, concatenate, read_rows, scan
from jaxunfold.types import Anchor, Batch, Reco


class Plan(NamedTuple):
    """How an epoch is cut: ``dispatches`` times ``steps`` batches of ``batch_size`` events."""

    batch_size: int
    steps: int
    dispatches: int


def plan(num_events: int, batch_size: int, steps: int) -> Plan:
    """Cut an epoch into dispatches of equal size, so that one compiled program serves them all.

    A dispatch has between half of ``steps`` and ``steps`` batches, as leaves the fewest events out
    (less than one batch per dispatch, others in every epoch). A sample smaller than a batch is one batch.
    """
    batch_size = min(batch_size, num_events)
    batches = num_events // batch_size
    most = max(1, min(steps, batches))
    steps = max(range(most, max(1, most // 2) - 1, -1), key=lambda k: batches // k * k)
    return Plan(batch_size, steps, batches // steps)


def _random(seed: int, epoch: int, n: int) -> np.ndarray:
    return np.random.PCG64(np.random.SeedSequence([seed, epoch])).random_raw(n)


@jax.jit
def _gather(arrays, rows):
    return jax.tree.map(lambda array: array[rows], arrays)


class ArraySource(NamedTuple):
    """Encoded events resident on the device: a pytree of [n, ...] arrays."""

    arrays: Any

    @property
    def num_events(self) -> int:
        """Number of events."""
        return len(jax.tree.leaves(self.arrays)[0])

    def epoch_order(self, seed: int, epoch: int) -> np.ndarray:
        """Row numbers [n] in the order of this epoch."""
        return np.argsort(_random(seed, epoch, self.num_events), kind="stable").astype(np.int32)

    def take(self, rows: np.ndarray) -> Any:
        """Events of these row numbers, of any shape [...]: a pytree of [..., features] arrays."""
        return _gather(self.arrays, jnp.asarray(rows))

    def dispatches(self, seed: int, epoch: int, batch_size: int, steps: int, start: int = 0) -> Iterator[Any]:
        """Yield pytrees of [steps, batch_size, ...] arrays as in ``plan``, from dispatch ``start`` on."""
        cut = plan(self.num_events, batch_size, steps)
        order = self.epoch_order(seed, epoch)[: cut.dispatches * cut.steps * cut.batch_size]
        for rows in order.reshape(cut.dispatches, cut.steps, cut.batch_size)[start:]:
            yield self.take(rows)


@dataclass(frozen=True)
class StreamSource:
    """Events read from a file while training, encoded in a background thread.

    Blocks of ``block`` rows are shuffled, and events within ``buffer`` blocks at a time, so that memory
    holds about ``2 * buffer * block`` events whatever the size of the file.

    path: event file. rows: the rows of the file to use, e.g. ``split(...).train``.
    encode: (events) -> pytree of [n, ...] arrays; always called with the same number of events.
    """

    path: str
    rows: np.ndarray
    encode: Callable[[Events], Any]
    block: int = schema.CHUNK
    buffer: int = 16

    @property
    def num_events(self) -> int:
        """Number of events."""
        return len(self.rows)

    def epoch_order(self, seed: int, epoch: int) -> np.ndarray:
        """Positions [n] within ``rows`` in the order of this epoch."""
        return self._order(seed, epoch)[0]

    def take(self, rows: np.ndarray) -> Any:
        """Events at these positions within ``rows``, of any shape [...], as ``ArraySource.take``."""
        with schema.open_file(self.path) as file:
            events = self._read(file, schema.read_header(file), np.ravel(rows))
        return _reshape(self.encode(events), np.shape(rows))

    def dispatches(self, seed: int, epoch: int, batch_size: int, steps: int, start: int = 0) -> Iterator[Any]:
        """Yield pytrees of [steps, batch_size, ...] arrays as in ``plan``, from dispatch ``start`` on."""
        return prefetch(self._dispatches(seed, epoch, plan(self.num_events, batch_size, steps), start))

    def _order(self, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions in the order of the epoch, and the sorted group of blocks that each is read with."""
        blocks = np.asarray(self.rows) // self.block
        num_blocks = int(blocks.max()) + 1
        random = _random(seed, epoch, num_blocks + self.num_events)
        rank = np.argsort(np.argsort(random[:num_blocks], kind="stable"), kind="stable")
        group = rank[blocks] // self.buffer
        order = np.lexsort((random[num_blocks:], group))
        return order, group[order]

    def _read(self, file, header: schema.Header, positions: np.ndarray) -> Events:
        """The events at these positions, block by block, in the order asked for."""
        rows = np.asarray(self.rows)[positions]
        blocks = rows // self.block
        parts = []
        for block in np.unique(blocks):
            inside = np.sort(rows[blocks == block])
            first, last = int(inside[0]), int(inside[-1]) + 1
            parts.append(read_rows(file, header, first, last)[inside - first])
        by_row = np.argsort(rows, kind="stable")
        return concatenate(parts)[np.argsort(by_row, kind="stable")]

    def _dispatches(self, seed: int, epoch: int, cut: Plan, start: int) -> Iterator[Any]:
        order, group = self._order(seed, epoch)
        size = cut.steps * cut.batch_size
        begin, end = start * size, cut.dispatches * size
        if begin >= end:
            return
        first_of_group = np.searchsorted(group, group[begin])
        held, offset = None, first_of_group  # events order[offset : offset + len(held)]
        with schema.open_file(self.path) as file:
            header = schema.read_header(file)
            for low in range(begin, end, size):
                while held is None or offset + len(held) < low + size:
                    head = offset if held is None else offset + len(held)
                    tail = np.searchsorted(group, group[head], side="right")
                    new = self._read(file, header, order[head:tail])
                    if held is None:
                        held = new
                    else:
                        held, offset = concatenate([held[max(low - offset, 0) :], new]), max(low, offset)
                events = held[low - offset : low - offset + size]
                yield _reshape(self.encode(events), (cut.steps, cut.batch_size))


def stream(path: str, rows: np.ndarray, encode: Callable[[Events], Any], **options) -> StreamSource:
    """A StreamSource over a file that has been checked from the first row to the last. Raises: InputError."""
    scan(path, require_truth=True)
    return StreamSource(path, rows, encode, **options)


def take_rows(path: str, rows: np.ndarray) -> Events:
    """The events of these rows of a file, in this order, without a check of their values."""
    with schema.open_file(path) as file:
        source = StreamSource(path, rows, encode=lambda events: events)
        return source._read(file, schema.read_header(file), np.arange(len(rows)))


def accepted_rows(path: str, rows: np.ndarray, names: Sequence[str] = ("pass_truth", "pass_reco")) -> np.ndarray:
    """Those of the rows whose events pass at truth and at reco level, or what else the flags ``names`` are."""
    with schema.open_file(path) as file:
        header = schema.read_header(file)
        flags = [schema.read_rows(file, header, name, 0, header.num_events) for name in names]
    for flag in flags:
        rows = rows if flag is None else rows[flag[rows]]
    return rows


def describe(batch: Batch) -> dict[str, list]:
    """{"reco/features": [[r], "float32"], ...}: what a batch holds of each event, as JSON can hold it."""
    named, _ = jax.tree_util.tree_flatten_with_path(batch)
    names = (jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in named)
    return {name: [list(leaf.shape[1:]), str(leaf.dtype)] for name, (_, leaf) in zip(names, named)}


def blank(described: dict[str, list], num_events: int, kind: type = Batch, prefix: str = "") -> Any:
    """A batch of that many events with what ``describe`` found, as shapes without values."""

    def part(name):
        path, nested = prefix + name, {"reco": Reco, "anchor": Anchor}.get(name)
        if nested is not None and any(other.startswith(path + "/") for other in described):
            return blank(described, num_events, nested, path + "/")
        if path not in described:
            return None
        shape, dtype = described[path]
        return jax.ShapeDtypeStruct((num_events, *shape), dtype)

    return kind(*(part(name) for name in kind._fields))


def prefetch(items: Iterator[Any], depth: int = 2) -> Iterator[Any]:
    """The same items, made in a background thread up to ``depth`` ahead; its errors are raised here."""
    ready: queue.Queue = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(item):
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work():
        try:
            for item in items:
                put((item, None))
                if stop.is_set():
                    return
            put((None, StopIteration()))
        except BaseException as error:
            put((None, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        stop.set()
        thread.join()


def _reshape(arrays: Any, shape: tuple[int, ...]) -> Any:
    return jax.tree.map(lambda array: array.reshape(*shape, *array.shape[1:]), arrays)
