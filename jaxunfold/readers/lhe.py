"""Les Houches event files through pylhe, also gzipped: the hard process, with weights.

Columns: Particle.PID, Status, M1, M2 (from zero, -1 for none), E, Px, Py, Pz, Mass; Event.Weight; and Weight.ID for
every further weight ID.
"""

import warnings
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.readers.base import PIECE, Column, Piece, Source, Tap, brief, check_columns, check_file, need

FIELDS = {
    "Particle.PID": "id",
    "Particle.Status": "status",
    "Particle.M1": "mother1",
    "Particle.M2": "mother2",
    "Particle.E": "e",
    "Particle.Px": "px",
    "Particle.Py": "py",
    "Particle.Pz": "pz",
    "Particle.Mass": "m",
}
WHOLE = ("id", "status", "mother1", "mother2")


def open_source(path: str) -> Source:
    """Events in the file's order. Raises: InputError for a file that is not LHE, or has no event."""
    need("pylhe", "reading LHE")
    check_file(path)
    first = next(_events(path), None)
    if first is None:
        raise InputError(f"{path}: expected at least one event, found none")
    names = (*FIELDS, "Event.Weight", *(f"Weight.{key}" for key in first[1].weights))
    tap = Tap(path, ())
    size = tap.raw.seek(0, 2) // 1000
    tap.close()
    return Source(path, names, size, "kB", partial(_pieces, path, names))


def _events(path: str) -> Iterator:
    """(tap, event) of every event; the library warns and stops where the text is broken, this raises."""
    pylhe = need("pylhe", "reading LHE")
    tap, number = Tap(path, (b"<event>", b"<event ")), 0

    def step(function):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return function()
        except StopIteration:
            return None
        except Exception as error:
            cut = "truncated gzip file" if tap.error else "Les Houches events"
            expected = (
                f"expected a whole file, found a {cut}" if tap.error else f"expected {cut}, found a broken text"
            )
            raise InputError(f"{path}: event {number}: {expected} ({brief(error)})") from error

    try:
        events = iter(step(lambda: pylhe.LHEFile.frombuffer(_Readable(tap), generator=True)).events)
        while (event := step(lambda: next(events))) is not None:
            if event.eventinfo.nparticles != len(event.particles):
                raise InputError(
                    f"{path}: event {number} expected {event.eventinfo.nparticles} particles as it says, "
                    f"found {len(event.particles)}"
                )
            yield tap, event
            number += 1
        tap.finish(number)
    finally:
        tap.close()


class _Readable:
    """A tap as the context manager that pylhe opens."""

    def __init__(self, tap: Tap):
        self.tap, self.read = tap, tap.read

    def __enter__(self):
        return self

    def __exit__(self, *about):
        return False


def _pieces(path: str, names: Sequence[str], wanted: Sequence[str]) -> Iterator[Piece]:
    check_columns(path, names, wanted)
    events, tap, number = [], None, 0
    for tap, event in _events(path):
        events.append(event)
        if len(events) == PIECE:
            yield Piece(PIECE, _columns(path, number, events, wanted), tap.advance())
            number, events = number + PIECE, []
    if events:
        yield Piece(len(events), _columns(path, number, events, wanted), tap.advance())


def _columns(path: str, first: int, events: list, wanted: Sequence[str]) -> dict[str, Column]:
    counts = np.array([len(event.particles) for event in events])
    out = {}
    for name in wanted:
        if name == "Event.Weight":
            out[name] = Column(np.array([event.eventinfo.weight for event in events]))
        elif name.startswith("Weight."):
            key = name.removeprefix("Weight.")
            lacks = next((i for i, event in enumerate(events) if key not in event.weights), None)
            if lacks is not None:
                raise InputError(f"{path}: event {first + lacks} expected a weight {key!r}, found none")
            out[name] = Column(np.array([event.weights[key] for event in events]))
        else:
            field = FIELDS[name]
            values = np.array([getattr(p, field) for event in events for p in event.particles])
            if field in WHOLE:
                values = values.astype(np.int64) - (1 if field.startswith("mother") else 0)
            out[name] = Column(values, counts)
    return out
