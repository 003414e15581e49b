"""Measured objects from collections of columns: cuts, overlap, how many there must be, the leading ones by pT."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxunfold.conversion.columns import (
    Table,
    check_momentum,
    entries,
    four_momenta,
    kinematics,
    momentum_of,
    names_in,
    within,
)
from jaxunfold.errors import InputError

KINEMATIC = ("pt", "eta", "abs_eta", "phi", "mass", "energy")


class Entry(NamedTuple):
    """One kind of object of the measured event.

    of: its collection. cuts: {pt, eta, abs_eta, phi, mass, energy or a column of the collection: (least, most)}.
    number: how many an event may have; slots: how many are kept, None for one under the plain label.
    away_from: {earlier label: smallest Delta R to its objects}.
    """

    of: str
    cuts: dict[str, tuple]
    number: tuple
    slots: int | None
    away_from: dict[str, float]


class Measured(NamedTuple):
    """momenta [n, r, 4] in GeV, zero where absent; mask [n, r]; counts after cuts and passes, {entry: [n]}."""

    momenta: np.ndarray
    mask: np.ndarray
    counts: dict[str, np.ndarray]
    passes: dict[str, np.ndarray]


def read_entries(objects: Mapping[str, Any], collections: Mapping[str, Any]) -> dict[str, Entry]:
    """The entries of a config's reco.objects. Raises: InputError that names the key which is wrong."""
    for name, momentum in collections.items():
        check_momentum(f"reco.collections.{name}", momentum_of(momentum))
    out = {}
    for label, values in objects.items():
        where = f"reco.objects.{label}"
        known = {"cuts": {}, "number": (1, None), "slots": None, "away_from": {}}
        if "of" not in values or not set(values) <= {"of", *known}:
            raise InputError(f"{where}: expected of and some of {', '.join(known)}, found {', '.join(values)}")
        if values["of"] not in collections:
            raise InputError(f"{where}.of: expected one of {', '.join(collections)}, found {values['of']!r}")
        entry = Entry(**{**known, **values})
        for key, cut in {**entry.cuts, "number": entry.number}.items():
            if not isinstance(cut, tuple | list) or len(cut) != 2:
                raise InputError(f"{where}.{key}: expected (smallest, largest) or None for no limit, found {cut!r}")
        known = (*KINEMATIC, *collections[entry.of])
        for key in entry.cuts:
            if key not in known:
                raise InputError(f"{where}.cuts: expected some of {', '.join(dict.fromkeys(known))}, found {key!r}")
        for other in entry.away_from:
            if other not in out:
                raise InputError(f"{where}.away_from: expected an earlier one of {', '.join(out)}, found {other!r}")
        if entry.slots is not None and entry.slots < 1:
            raise InputError(f"{where}.slots: expected 1 or more, found {entry.slots}")
        out[label] = entry
    if not out:
        raise InputError("reco.objects: expected at least one, found none")
    return out


def labels_of(entries_: Mapping[str, Entry]) -> tuple[str, ...]:
    """The labels of the measured objects: "e-", or "j1", "j2", ... of an entry "j" with slots."""
    return tuple(
        name
        for label, entry in entries_.items()
        for name in ([label] if entry.slots is None else [f"{label}{i + 1}" for i in range(entry.slots)])
    )


def columns_of(entries_: Mapping[str, Entry], collections: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that the entries need."""
    out = []
    for entry in entries_.values():
        collection = collections[entry.of]
        out += names_in(momentum_of(collection))
        out += [collection[name] for name in entry.cuts if name not in KINEMATIC]
    return tuple(dict.fromkeys(out))


def select(table: Table, entries_: Mapping[str, Entry], collections: Mapping[str, Any], unit: str) -> Measured:
    """The measured objects of each event.

    Raises: InputError where a collection holds a number that is not finite, which no cut would tell from a small one.
    """
    momenta, masks, counts, passes, before = [], [], {}, {}, {}
    loaded: dict[str, tuple] = {}
    for label, entry in entries_.items():
        if entry.of not in loaded:
            loaded[entry.of] = _load(table, entry.of, momentum_of(collections[entry.of]), unit)
        p, event = loaded[entry.of]
        known = kinematics(p)
        keep = np.ones(len(p), bool)
        for name, cut in entry.cuts.items():
            column = known[name] if name in known else _aligned(table, collections[entry.of][name], event)
            keep &= within(column, cut)
        for other, radius in entry.away_from.items():
            keep &= ~_near(p, event, *before[other], radius)
        p, event = p[keep], event[keep]
        order = np.lexsort((-np.hypot(p[:, 1], p[:, 2]), event))
        p, event = p[order], event[order]
        count = np.bincount(event, minlength=table.num_events)
        rank = np.arange(len(event)) - (np.cumsum(count) - count)[event]
        size = entry.slots or 1
        kept, at = rank < size, np.zeros((table.num_events, size, 4))
        at[event[kept], rank[kept]] = p[kept]
        there = np.arange(size) < np.minimum(count, size)[:, None]
        momenta.append(at)
        masks.append(there)
        counts[label], passes[label], before[label] = count, within(count, entry.number), (at, there)
    return Measured(np.concatenate(momenta, 1), np.concatenate(masks, 1), counts, passes)


def _load(table: Table, name: str, momentum: Mapping[str, Any], unit: str) -> tuple[np.ndarray, np.ndarray]:
    p, counts = four_momenta(table, momentum, unit)
    event = np.repeat(np.arange(table.num_events), counts)
    finite = np.isfinite(p).all(axis=-1)
    if not finite.all():
        row = table.first + int(event[np.argmax(~finite)])
        raise InputError(f"{table.path}: event {row}: {name} ({', '.join(names_in(momentum))}) expected finite ones, "
                         f"found {p[np.argmax(~finite)].tolist()}")  # fmt: skip
    return p, event


def _aligned(table: Table, name: str, event: np.ndarray) -> np.ndarray:
    """A column with one entry for each object, or one for each event."""
    values, counts = entries(table, name)
    if table.columns[name].counts is None:
        return values[event]
    mine = np.bincount(event, minlength=table.num_events)
    if not np.array_equal(counts, mine):
        row = int(np.argmax(counts != mine))
        raise InputError(f"{table.path}: event {table.first + row}: {name} expected {mine[row]} entries as its "
                         f"collection, found {counts[row]}")  # fmt: skip
    return values


def _near(p, event, others, there, radius: float) -> np.ndarray:
    """Whether each object is within a radius of one of the others [n, k, 4] of its event."""
    mine, seen = kinematics(p), kinematics(others.reshape(-1, 4))
    eta, phi = (seen[name].reshape(there.shape)[event] for name in ("eta", "phi"))
    dphi = np.mod(mine["phi"][:, None] - phi + np.pi, 2 * np.pi) - np.pi
    near = (mine["eta"][:, None] - eta) ** 2 + dphi**2 < radius**2
    return (near & there[event]).any(axis=1)
