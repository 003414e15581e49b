"""An event file written piece by piece, larger than memory, and there whole or not at all."""

import os
from typing import Any

import numpy as np

from jaxunfold.data import checks, schema
from jaxunfold.data.events import Events, check, check_units
from jaxunfold.data.rows import RowWriter
from jaxunfold.errors import InputError


class EventWriter:
    """Append Events of the same columns, then ``close``; on an error ``abandon`` leaves nothing behind.

    Every piece is checked as ``data.events.read`` would; rows of the messages are those of the output.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = path
        self.file = RowWriter(path)
        self.rows, self.total = 0, 0.0

    def append(self, events: Events) -> None:
        """Add events. Raises: InputError for values that are refused, or a full disk."""
        if not len(events):
            return
        check(events, self.rows, partial=True)
        if self.rows < schema.CHUNK and events.kind == "momenta":
            check_units(events)
        self.file.append(_arrays(events), _texts(events))
        self.rows += len(events)
        self.total += float(np.sum(1.0 if events.weight is None else events.weight, dtype=np.float64))

    def close(self, attrs: dict[str, Any]) -> None:
        """Write what waits and the attributes, and put the file in its place.

        Raises: InputError where there are no events, their weights have no positive sum, or the disk is full.
        """
        if not self.rows:
            raise InputError(f"{self.path}: expected at least one event to write, found none")
        checks.check_weight_sum(str(self.path), self.total)
        self.file.close(attrs)

    def abandon(self) -> None:
        """Leave no file behind; does nothing after ``close``."""
        self.file.abandon()


def _texts(events: Events) -> dict[str, dict]:
    key = "labels" if events.kind == "momenta" else "names"
    return {
        f"reco/{events.kind}": {key: events.reco_names, "units": events.reco_units},
        f"truth/{events.kind}": {key: events.truth_names, "units": events.truth_units},
        "reco/extra": {"names": events.extra_names},
    }


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
