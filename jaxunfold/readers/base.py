"""What every reader hands out: a stream of named columns, one number or a list of numbers an event.

Nothing is ever left out: a reader that cannot deliver every event of its file raises an InputError that names the
file, the event or column, what was expected and what was found.
"""

import gzip
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from jaxunfold.errors import InputError

PIECE = 4096
"""Events of a piece, the unit of streaming."""


class Column(NamedTuple):
    """One number an event, values [n] and counts None; or lists, values [sum(counts)] and counts [n]."""

    values: np.ndarray
    counts: np.ndarray | None = None

    @property
    def num_events(self) -> int:
        return len(self.values if self.counts is None else self.counts)


class Piece(NamedTuple):
    """Some events of a file: their columns, and how much of ``Source.total`` they are."""

    num_events: int
    columns: dict[str, Column]
    advance: int


class Source(NamedTuple):
    """An open file.

    path: of the file; names: its columns; total, unit: its length, for the progress: "events", or "kB" of a text
    file, whose events are not known before they are read.
    pieces: (names of columns) -> iterator of Pieces.
    """

    path: str
    names: tuple[str, ...]
    total: int
    unit: str
    pieces: Callable[[Sequence[str]], Iterator[Piece]]


def need(module: str, what: str) -> Any:
    """An optional library. Raises: InputError that says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise InputError(f"{what} needs {missing}, found none: pip install 'jaxunfold[io]'") from error


def brief(error: BaseException) -> str:
    """A library's error on one short line."""
    text = " ".join(str(error).split())
    return (text[:160] + " ...") if len(text) > 160 else text or type(error).__name__


def check_file(path: str) -> None:
    """Raise InputError where there is no readable file, or an empty one."""
    if os.path.isdir(path):
        raise InputError(f"{path}: expected a file, found a directory")
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: not readable (permission denied)")
    if os.path.getsize(path) == 0:
        raise InputError(f"{path}: expected events, found an empty file")


def check_columns(path: str, known: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise InputError where a column is missing, with what is there of the same collection."""
    for name in wanted:
        if name not in known:
            stem = name.replace("_", ".").split(".")[0].lower()
            near = [other for other in known if other.lower().startswith(stem)] or list(known)
            shown = ", ".join(near[:12]) + (" ..." if len(near) > 12 else "")
            raise InputError(f"{path}: expected a column {name!r}, found {shown or 'no columns'}")


def from_awkward(path: str, name: str, array: Any) -> Column:
    """A column of an awkward array [n] or [n, var]. Raises: InputError for anything else."""
    ak = need("awkward", "reading lists")
    if array.ndim > 2 or array.fields:
        raise InputError(f"{path}: {name} expected numbers or lists of numbers, found {array.type.content}")
    counts = ak.num(array).to_numpy() if array.ndim == 2 else None
    flat = ak.flatten(array) if array.ndim == 2 else array
    return Column(numbers(path, name, ak.to_numpy(ak.fill_none(flat, np.nan), allow_missing=False)), counts)


def from_dense(path: str, name: str, values: np.ndarray) -> Column:
    """A column of an array [n] or [n, k], whose lists all have k entries. Raises: InputError for anything else."""
    if values.ndim not in (1, 2):
        raise InputError(f"{path}: {name} expected shape [n] or [n, k], found {list(values.shape)}")
    counts = np.full(len(values), values.shape[1]) if values.ndim == 2 else None
    return Column(numbers(path, name, values.reshape(-1)), counts)


def numbers(path: str, name: str, values: np.ndarray) -> np.ndarray:
    """The values if they are numbers. Raises: InputError for text, objects and dates."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiub":
        raise InputError(f"{path}: {name} expected numbers, found {values.dtype}")
    return values


def joined(columns: Sequence[Column]) -> Column:
    """The same column of consecutive pieces."""
    counts = None if columns[0].counts is None else np.concatenate([c.counts for c in columns])
    return Column(np.concatenate([c.values for c in columns]), counts)


class Tap:
    """A readable file that counts what passes: lines with a mark, compressed bytes, and its last bytes.

    Libraries end quietly where a text file is broken; against the count of marks, no event can get lost unseen.
    """

    def __init__(self, path: str, marks: Sequence[bytes]):
        self.path, self.raw = path, open(path, "rb")  # noqa: SIM115
        zipped = self.raw.read(2) == b"\x1f\x8b"
        self.raw.seek(0)
        self.file: BinaryIO = gzip.GzipFile(fileobj=self.raw) if zipped else self.raw
        self.marks, self.count, self.tail, self.error, self.done = tuple(marks), 0, b"", None, 0

    def read(self, size: int = -1) -> bytes:
        try:
            data = self.file.read(size)
        except (OSError, EOFError) as error:
            self.error = error
            raise
        # a mark may lie across two reads; the kept tail holds no whole one
        window = self.tail[-15:] + data
        self.count += sum(window.count(mark) - self.tail[-15:].count(mark) for mark in self.marks)
        self.tail = (self.tail + data)[-400:]
        return data

    def readinto(self, buffer) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def advance(self) -> int:
        """Kilobytes of the file read since the last call."""
        if self.raw.closed:
            return 0
        now = self.raw.tell() // 1000
        step, self.done = now - self.done, now
        return step

    def write(self, data: bytes) -> int:
        raise OSError("opened for reading")

    def seekable(self) -> bool:
        return True

    def seek(self, place: int) -> int:
        """Back to the beginning only, as the search for a file's format asks for."""
        self.count, self.tail = 0, b""
        return self.file.seek(place)

    def finish(self, delivered: int) -> None:
        """Read to the end. Raises: InputError where the file is cut, or has more events than were delivered."""
        try:
            while self.error is None and self.read(1 << 20):
                pass
        except (OSError, EOFError):
            pass
        self.close()
        if self.error is not None:
            raise InputError(f"{self.path}: expected a whole gzip file, found its end early, after event "
                             f"{delivered - 1} ({brief(self.error)})")  # fmt: skip
        if self.count != delivered:
            raise InputError(
                f"{self.path}: expected the {self.count} events that begin in it, found {delivered} that can be "
                f"read: damaged after event {delivered - 1}, or several files in one"
            )

    def close(self) -> None:
        self.file.close()
        self.raw.close()
