"""HepMC 2 and 3 text files through pyhepmc, also gzipped, with weights and vertices.

Columns: Particle.PID, Status, M1 (from zero, -1 for none), E, Px, Py, Pz in GeV, X, Y, Z of the production vertex in
mm; Event.Weight, the first one; and Weight.NAME for every named weight.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.readers.base import PIECE, Column, Piece, Source, Tap, brief, check_columns, check_file, joined, need

MOMENTUM = {"E": "e", "Px": "px", "Py": "py", "Pz": "pz"}
PLACE = {"X": "x", "Y": "y", "Z": "z"}
NAMES = tuple(f"Particle.{name}" for name in ("PID", "Status", "M1", *MOMENTUM, *PLACE))
ENDS = (b"END_EVENT_LISTING",)


def open_source(path: str) -> Source:
    """Events in the file's order. Raises: InputError for a file that is not HepMC, or has no event."""
    need("pyhepmc", "reading HepMC")
    check_file(path)
    first = next(_events(path), None)
    if first is None:
        raise InputError(f"{path}: expected at least one event, found none")
    tap, event = first
    names = (*NAMES, "Event.Weight", *(f"Weight.{name}" for name in _weight_names(event)))
    tap.close()
    tap = Tap(path, ())
    size = tap.raw.seek(0, 2) // 1000
    tap.close()
    return Source(path, names, size, "kB", partial(_pieces, path, names))


def _weight_names(event: Any) -> list[str]:
    return list(event.weight_names) if event.run_info is not None else []


def _events(path: str) -> Iterator:
    """(tap, event) of every event; the library stops quietly where the text is broken, this raises."""
    pyhepmc = need("pyhepmc", "reading HepMC")
    tap, number = Tap(path, (b"\nE ",)), 0
    # what it prints of broken events is said in one line below
    pyhepmc.Setup.print_errors = pyhepmc.Setup.print_warnings = False
    try:
        head = tap.read(256)
        tap.seek(0)
        if b"HepMC::" not in head:
            raise InputError(f"{path}: expected HepMC 2 or 3, found {head[:24]!r}")
        with pyhepmc.open(tap) as file:
            for event in file:
                yield tap, event
                number += 1
        tap.finish(number)
    except InputError:
        raise
    except Exception as error:
        if tap.error is not None:
            tap.finish(number)
        raise InputError(f"{path}: event {number} cannot be read ({brief(error)})") from error
    finally:
        tap.close()
    if number and not any(end in tap.tail for end in ENDS):
        raise InputError(
            f"{path}: expected the mark at the end of HepMC, found none: truncated after event {number - 1}"
        )


def _pieces(path: str, names: Sequence[str], wanted: Sequence[str]) -> Iterator[Piece]:
    check_columns(path, names, wanted)
    rows, tap, number, vertices = [], None, 0, any(name[-2:] in (".X", ".Y", ".Z", "M1") for name in wanted)
    for tap, event in _events(path):
        rows.append(_row(path, number + len(rows), event, wanted, vertices))
        if len(rows) == PIECE:
            yield Piece(PIECE, _joined(rows), tap.advance())
            number, rows = number + PIECE, []
    if rows:
        yield Piece(len(rows), _joined(rows), tap.advance())


def _joined(rows: list[dict[str, Column]]) -> dict[str, Column]:
    return {name: joined([row[name] for row in rows]) for name in rows[0]}


def _row(path: str, number: int, event: Any, wanted: Sequence[str], vertices: bool) -> dict[str, Column]:
    """The columns of one event."""
    pyhepmc = need("pyhepmc", "reading HepMC")
    particles = event.numpy.particles
    gev = 1e-3 if event.momentum_unit == pyhepmc.Units.MEV else 1.0
    mm = 10.0 if event.length_unit == pyhepmc.Units.CM else 1.0
    count = np.array([len(particles.pid)])
    mother, place = _production(path, number, event, int(count[0])) if vertices else (None, None)
    out = {}
    for name in wanted:
        field = name.partition(".")[2]
        if name == "Event.Weight":
            out[name] = Column(np.array([event.weights[0] if event.weights else 1.0]))
        elif name.startswith("Weight."):
            if field not in _weight_names(event):
                raise InputError(f"{path}: event {number} expected a weight {field!r}, found none")
            out[name] = Column(np.array([event.weight(field)]))
        elif field in MOMENTUM:
            out[name] = Column(getattr(particles, MOMENTUM[field]) * gev, count)
        elif field in PLACE:
            out[name] = Column(place[PLACE[field]] * mm, count)
        elif field == "M1":
            out[name] = Column(mother, count)
        else:
            out[name] = Column(np.array(particles.pid if field == "PID" else particles.status, np.int64), count)
    return out


def _production(path: str, number: int, event: Any, num: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The first mother of each particle [num] and its production vertex; particles and vertices count from 1, -1."""
    data = need("pyhepmc", "reading HepMC").GenEventData()
    event.write_data(data)
    one, two = np.array(data.links1, np.int64), np.array(data.links2, np.int64)
    if max(-one.min(initial=0), -two.min(initial=0)) > len(data.vertices) or max(one.max(), two.max()) > num:
        raise InputError(f"{path}: event {number} expected links between its {num} particles, found others")
    first = np.full(len(data.vertices) + 1, -1)
    into = np.flatnonzero((one > 0) & (two < 0))[::-1]  # from the back, so that the first one stays
    first[-two[into]] = one[into] - 1
    out = (one < 0) & (two > 0)
    mother, vertex = np.full(num, -1), np.zeros(num, np.int64)
    mother[two[out] - 1], vertex[two[out] - 1] = first[-one[out]], -one[out]
    place = {}
    for name in PLACE.values():
        place[name] = np.concatenate([[0.0], data.vertices[name]])[vertex]
    return mother, place
