"""An event file written piece by piece, larger than memory, and there whole or not at all."""

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from jaxunfold.data import checks, schema
from jaxunfold.data.events import Events, check, check_units
from jaxunfold.errors import InputError

VALUES = 2**20


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


class EventWriter:
    """Append Events of the same columns, then ``close``; on an error ``abandon`` leaves nothing behind.

    Every piece is checked as ``data.events.read`` would; rows of the messages are those of the output.
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
        self.rows, self.total = 0, 0.0

    def append(self, events: Events) -> None:
        """Add events. Raises: InputError for values that are refused, or a full disk."""
        if not len(events):
            return
        check(events, self.rows, partial=True)
        if not self.rows:
            self._create(events)
        if self.rows < schema.CHUNK and events.kind == "momenta":
            check_units(events)
        for name, values in _arrays(events).items():
            self.waiting[name].append(values)
        self.rows += len(events)
        self.total += float(np.sum(1.0 if events.weight is None else events.weight, dtype=np.float64))
        if sum(map(len, next(iter(self.waiting.values())))) >= schema.CHUNK:
            self._flush(whole=True)

    def _create(self, events: Events) -> None:
        key = "labels" if events.kind == "momenta" else "names"
        texts = {
            f"reco/{events.kind}": {key: events.reco_names, "units": events.reco_units},
            f"truth/{events.kind}": {key: events.truth_names, "units": events.truth_units},
            "reco/extra": {"names": events.extra_names},
        }
        for name, values in _arrays(events).items():
            rows = min(schema.CHUNK, max(1, VALUES // max(1, values[0].size)))
            dataset = self.file.create_dataset(
                name, (0, *values.shape[1:]), values.dtype, maxshape=(None, *values.shape[1:]),
                chunks=(rows, *values.shape[1:]), compression="gzip", compression_opts=4, shuffle=True,
            )  # fmt: skip
            self.waiting[name] = []
            for attribute, entries in texts.get(name, {}).items():
                if entries:
                    dataset.attrs.create(attribute, list(entries), dtype=h5py.string_dtype())

    def _flush(self, whole: bool = False) -> None:
        for name, parts in self.waiting.items():
            values = np.concatenate(parts) if parts else None
            if values is None:
                continue
            # whole chunks, so that none is compressed twice
            size = len(values) // schema.CHUNK * schema.CHUNK if whole else len(values)
            dataset = self.file[name]
            dataset.resize(len(dataset) + size, axis=0)
            dataset[len(dataset) - size :] = values[:size]
            self.waiting[name] = [values[size:]]
        self._check()

    def _check(self) -> None:
        if self.raw.error is not None:
            error = self.raw.error
            raise InputError(f"{self.path}: cannot be written ({error.strerror or error})") from error

    def close(self, attrs: dict[str, Any]) -> None:
        """Write what waits and the attributes, and put the file in its place.

        Raises: InputError where there are no events, their weights have no positive sum, or the disk is full.
        """
        if not self.rows:
            raise InputError(f"{self.path}: expected at least one event to write, found none")
        checks.check_weight_sum(str(self.path), self.total)
        self._flush()
        for key, value in {**attrs, "schema": schema.SCHEMA}.items():
            if value is not None:
                self.file.attrs[key] = value
        self.file.close()
        self._check()
        self.raw.close()
        os.replace(self.temporary, self.path)

    def abandon(self) -> None:
        """Leave no file behind; does nothing after ``close``."""
        with contextlib.suppress(Exception):
            self.file.close()
        with contextlib.suppress(OSError):
            self.raw.close()
        with contextlib.suppress(OSError):
            self.temporary.unlink(missing_ok=True)


def _arrays(events: Events) -> dict[str, np.ndarray]:
    named = {
        f"reco/{events.kind}": events.reco,
        f"truth/{events.kind}": events.truth,
        "reco/mask": events.mask,
        "reco/extra": events.extra,
        "weight": events.weight,
        "pass_truth": events.pass_truth,
        "pass_reco": events.pass_reco,
    }
    if not events.reco.shape[1]:
        named["reco/mask"] = named[f"reco/{events.kind}"] = None
    flags = ("reco/mask", "pass_truth", "pass_reco")
    return {
        name: np.asarray(values, bool if name in flags else np.float32)
        for name, values in named.items()
        if values is not None
    }
