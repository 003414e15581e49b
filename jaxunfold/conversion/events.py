"""Events of one piece of a file: truth and reco by the recipe, cuts counted one after the other."""

from typing import Any, NamedTuple

import numpy as np

from jaxunfold.conversion import objects, particles
from jaxunfold.conversion.columns import Table, events_of, four_momenta, one_each
from jaxunfold.conversion.matching import match_by_angle
from jaxunfold.conversion.recipe import Recipe
from jaxunfold.data.events import Events
from jaxunfold.errors import InputError
from jaxunfold.simulation.selection import project_massless


class Level(NamedTuple):
    """values [n, ...]; cuts {description: passes [n]}, in their order; mask, counts of measured objects."""

    values: np.ndarray
    cuts: dict[str, np.ndarray]
    mask: np.ndarray | None = None
    counts: dict[str, np.ndarray] | None = None


def convert_piece(recipe: Recipe, truth: Table | None, reco: Table) -> tuple[Events, dict[str, int]]:
    """The events of a piece that are kept, and how many are left after each cut, {"read": n, ..., "kept": m}.

    Args: truth, reco: Tables of the same events; often the same one.
    Raises: InputError for a value that is not finite, or truth that is missing where the recipe refuses it.
    """
    n = reco.num_events
    measured = _table_level(recipe, reco, "reco") if recipe.is_table else _reco_momenta(recipe, reco)
    true = None if truth is None else _truth(recipe, truth)
    values = None if true is None else true.values
    matched = np.ones(n, bool)
    if recipe.match is not None:
        values, largest = match_by_angle(
            values, measured.values, measured.mask, recipe.truth_names, recipe.reco_names, recipe.match["pairs"]
        )
        limit = recipe.match.get("max_delta_r")
        matched = largest <= (np.inf if limit is None else limit)
    flow, left = {"read": n}, np.ones(n, bool)
    passes = {"truth": np.ones(n, bool), "reco": np.ones(n, bool)}
    for level, side in (("truth", true), ("reco", measured)):
        for cut, ok in (side.cuts if side is not None else {}).items():
            left &= ok
            passes[level] &= ok
            flow[cut] = int(left.sum())
    if recipe.match is not None and recipe.match.get("max_delta_r") is not None:
        left &= matched
        flow[f"matched within {recipe.match['max_delta_r']:g}"] = int(left.sum())
    keep = left if recipe.keep == "accepted" else passes["truth"] | passes["reco"]
    flow["kept"] = int(keep.sum())
    flags = {}
    if recipe.keep == "all":
        flags = {f"pass_{level}": ok[keep] for level, ok in passes.items() if level == "reco" or true is not None}
    weight = None
    if recipe.weight:
        weight = _whole(reco if truth is None else truth, recipe.weight)[keep]
    extra = _extra(recipe, reco, measured)
    float32 = np.float32
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which the writer refuses
        events = Events(
            reco=_blank(measured.values, passes["reco"])[keep].astype(float32),
            truth=None if true is None else _blank(values, passes["truth"])[keep].astype(float32),
            mask=None if measured.mask is None else (measured.mask & passes["reco"][:, None])[keep],
            extra=None if extra is None else extra[keep].astype(float32),
            weight=None if weight is None else weight.astype(float32),
            truth_names=recipe.truth_names,
            reco_names=recipe.reco_names,
            extra_names=tuple(recipe.extra),
            truth_units=_units(recipe, recipe.truth),
            reco_units=_units(recipe, recipe.reco),
            path=reco.path,
            **flags,
        )
    return events, flow


def _blank(values: np.ndarray, ok: np.ndarray) -> np.ndarray:
    """Zeros where an event does not pass: what is there need not be physical."""
    return np.where(ok.reshape(-1, *(1,) * (values.ndim - 1)), values, 0.0)


def _units(recipe: Recipe, section: dict[str, Any] | None) -> tuple[str, ...]:
    if not recipe.is_table or section is None:
        return ()
    units = section.get("units") or {}
    return tuple(
        units.get(name, "") for name in (recipe.reco_names if section is recipe.reco else recipe.truth_names)
    )


def _table_level(recipe: Recipe, table: Table, level: str) -> Level:
    """Named columns [n, d]; an event without an entry that is asked for does not pass."""
    section = recipe.reco if level == "reco" else recipe.truth
    out, there = np.zeros((table.num_events, len(section["columns"]))), np.ones(table.num_events, bool)
    cuts = {}
    if section.get("passes"):
        flag = _whole(table, section["passes"])
        if not np.isin(flag, (0, 1)).all():
            raise InputError(f"{table.path}: {section['passes']} expected true or false, found other numbers")
        cuts[f"{level}: {section['passes']}"] = flag.astype(bool)
    asked = np.logical_and.reduce([np.ones(table.num_events, bool), *cuts.values()])
    for place, label in enumerate(recipe.reco_names if level == "reco" else recipe.truth_names):
        name = section["columns"][label]
        out[:, place], ok = one_each(table, name)
        _check_finite(table, name, out[:, place], ok & asked)
        there &= ok
    if not there.all():
        cuts[f"{level}: all columns are there"] = there
    return Level(out, cuts)


def _whole(table: Table, name: str) -> np.ndarray:
    """One finite number for every event."""
    values, there = one_each(table, name)
    if not there.all():
        raise InputError(
            f"{table.path}: event {table.first + int(np.argmin(there))}: {name} expected a number, found none"
        )
    _check_finite(table, name, values, there)
    return values


def _check_finite(table: Table, name: str, values: np.ndarray, there: np.ndarray) -> None:
    bad = there & ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"{table.path}: event {table.first + row}: {name} expected a finite number, found {values[row]}"
        )


def _reco_momenta(recipe: Recipe, table: Table) -> Level:
    entries = recipe.entries
    found = objects.select(table, entries, recipe.reco["collections"], recipe.source["unit"])
    cuts = {f"reco: {_range(entry.number)} {label}": found.passes[label] for label, entry in entries.items()}
    return Level(found.momenta, cuts, found.mask, found.counts)


def _range(number: tuple) -> str:
    low, high = number
    if low == high:
        return str(low)
    return f"{low or 0} or more" if high is None else f"{low or 0} to {high}"


def _extra(recipe: Recipe, table: Table, measured: Level) -> np.ndarray | None:
    """The extra columns [n, e]: counts of objects, columns, or components of a vector by size and angle."""
    out = []
    for kind, *names in recipe.extra.values():
        if kind == "count":
            out.append(measured.counts[names[0]].astype(np.float64))
        elif kind == "column":
            out.append(_whole(table, names[0]))
        else:
            size, angle = (_whole(table, name) for name in names)
            out.append(size * (np.cos if kind == "x" else np.sin)(angle))
    return np.stack(out, axis=-1) if out else None


def _truth(recipe: Recipe, table: Table) -> Level:
    if recipe.is_table:
        return _table_level(recipe, table, "truth")
    if "leaves" in recipe.truth:
        momenta = []
        for label in recipe.truth_names:
            p, counts = four_momenta(table, recipe.truth["leaves"][label], recipe.source["unit"])
            if (counts != 1).any():
                row = int(np.argmax(counts != 1))
                raise InputError(f"{table.path}: event {table.first + row}: {label} expected one momentum, found "
                                 f"{counts[row]}")  # fmt: skip
            momenta.append(p)
        out, ok = np.stack(momenta, axis=1), np.ones(table.num_events, bool)
    else:
        out, ok = _from_record(recipe, table)
    _check_finite(table, "truth momentum", out.sum(axis=(1, 2)), ok)
    if recipe.truth["massless"]:
        with np.errstate(invalid="ignore", divide="ignore"):  # rows without truth
            out = np.where(
                ok[:, None, None], project_massless(out, recipe.truth_names, recipe.truth["massless"]), 0.0
            )
    return Level(out, {} if "leaves" in recipe.truth else {"truth: the pattern is there": ok})


def _from_record(recipe: Recipe, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Momenta [n, p, 4] of the particles that fit the pattern, zeros where it is not there, and whether it is [n]."""
    columns = dict(recipe.truth["particles"])
    pid, counts = table.columns[columns.pop("pid")]
    if counts is None:
        raise InputError(
            f"{table.path}: {recipe.truth['particles']['pid']} expected a list for each event, found numbers"
        )
    status, mother = (table.columns.get(columns.pop(key, "")) for key in ("status", "mother"))
    p, _ = four_momenta(table, columns, recipe.source["unit"])
    start = np.repeat(np.cumsum(counts) - counts, counts)
    if mother is not None:
        local = mother.values.astype(np.int64)
        if (local >= np.repeat(counts, counts)).any():
            raise InputError(f"{table.path}: {recipe.truth['particles']['mother']} expected places within the event, "
                             "found larger ones")  # fmt: skip
        mother = np.where(local >= 0, local + start, -1)
    codes = None if status is None else status.values.astype(np.int64)
    record = particles.Record(events_of(counts), pid.astype(np.int64), codes, mother, p)
    found = particles.find(record, recipe.rules, table.num_events)
    if recipe.truth["missing"] == "refuse" and not found.ok.all():
        row = int(np.argmin(found.ok))
        for labels, count in found.counts.items():
            if count[row] != len(labels):
                break
        raise InputError(
            f"{table.path}: event {table.first + row}: truth expected {len(labels)} of {', '.join(labels)} by rule, "
            f"found {count[row]}; truth.missing = 'allow' leaves such events out, counted"
        )
    rows = np.stack([found.index[name] for name in recipe.truth_names], axis=1)
    return np.where((rows >= 0)[..., None], p[np.maximum(rows, 0)], 0.0), found.ok
