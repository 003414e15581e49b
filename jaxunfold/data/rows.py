"""An HDF5 file written row by row, larger than memory, and there whole or not at all."""

import contextlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from jaxunfold.data import schema
from jaxunfold.errors import InputError

CHUNK_VALUES = 2**20


class _File(io.FileIO):
    """A file that keeps its first error instead of raising it: the HDF5 library crashes after a failed write."""

    error: OSError | None = None

    def put(self, data) -> int:
        """Write, and raise."""
        return super().write(data)

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        try:
            done = 0
            while done < len(view):
                done += self.put(view[done:])
        except OSError as error:
            self.error = self.error or error
        return len(view)

    def truncate(self, size=None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0


class RowWriter:
    """Append rows to datasets, then ``close``; on an error ``abandon`` leaves nothing behind.

    Flags stay booleans and integers integers; everything else becomes float32.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self.temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        try:
            self.raw = _File(self.temporary, "w+b")
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
        self.file = h5py.File(self.raw, "w")
        self.waiting: dict[str, list[np.ndarray]] = {}

    def append(self, arrays: Mapping[str, np.ndarray], texts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Add rows of datasets {name: rows}, the same names in each call.

        texts: {name: {attribute: texts}} of the datasets, looked at where a name is new.
        Raises: InputError for a full disk.
        """
        for name, values in arrays.items():
            values = np.asarray(values)
            values = values if values.dtype.kind in "bi" else values.astype(np.float32, copy=False)
            if name not in self.waiting:
                self._create(name, values, texts.get(name, {}))
            self.waiting[name].append(values)
            if sum(map(len, self.waiting[name])) >= schema.CHUNK:
                self._flush(name, whole=True)
        self._check()

    def _create(self, name: str, values: np.ndarray, texts: Mapping[str, Sequence[str]]) -> None:
        shape = values.shape[1:]
        rows = min(schema.CHUNK, max(1, CHUNK_VALUES // values[0].size))
        dataset = self.file.create_dataset(
            name, (0, *shape), values.dtype, maxshape=(None, *shape), chunks=(rows, *shape),
            compression="gzip", compression_opts=4, shuffle=True,
        )  # fmt: skip
        for attribute, entries in texts.items():
            if entries:
                dataset.attrs.create(attribute, list(entries), dtype=h5py.string_dtype())
        self.waiting[name] = []

    def _flush(self, name: str, whole: bool = False) -> None:
        if not self.waiting[name]:
            return
        values, dataset = np.concatenate(self.waiting[name]), self.file[name]
        # whole chunks, so that none is compressed twice
        size = len(values) // dataset.chunks[0] * dataset.chunks[0] if whole else len(values)
        dataset.resize(len(dataset) + size, axis=0)
        dataset[len(dataset) - size :] = values[:size]
        # a copy: a view would keep all of them in memory
        self.waiting[name] = [values[size:].copy()]

    def _check(self) -> None:
        if self.raw.error is not None:
            error = self.raw.error
            raise InputError(f"{self.path}: cannot be written ({error.strerror or error})") from error

    def close(self, attrs: Mapping[str, Any]) -> None:
        """Write what waits and the attributes, and put the file in its place. Raises: InputError for a full disk."""
        for name in self.waiting:
            self._flush(name)
            self._check()
        for key, value in {**attrs, "schema": schema.SCHEMA}.items():
            if value is not None:
                self.file.attrs[key] = value
        self.file.close()
        self._check()
        self.raw.close()
        try:
            os.replace(self.temporary, self.path)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror or error})") from error

    def abandon(self) -> None:
        """Leave no file behind; does nothing after ``close``."""
        with contextlib.suppress(Exception):
            self.file.close()
        with contextlib.suppress(OSError):
            self.raw.close()
        with contextlib.suppress(OSError):
            self.temporary.unlink(missing_ok=True)
