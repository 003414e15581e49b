"""Numbers and four-momenta from named columns, on flat arrays with the event of every entry."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxunfold.errors import InputError
from jaxunfold.readers.base import Column

CARTESIAN = ("E", "px", "py", "pz")
POLAR = ("pt", "eta", "phi")
UNITS = {"GeV": 1.0, "MeV": 1e-3, "TeV": 1e3}


class Table(NamedTuple):
    """Columns of one piece of a file, whose first event has the number ``first``."""

    path: str
    first: int
    num_events: int
    columns: dict[str, Column]


def events_of(counts: Int[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
    """The event of each entry of a list column."""
    return np.repeat(np.arange(len(counts)), counts)


def split_index(name: str) -> tuple[str, int | None]:
    """("Jet_pt", 0) of "Jet_pt[0]"; None for a plain name."""
    head, bracket, tail = name.rpartition("[")
    if bracket and tail.endswith("]") and tail[:-1].isdigit():
        return head, int(tail[:-1])
    return name, None


def one_each(table: Table, name: str) -> tuple[Float[np.ndarray, " n"], np.ndarray]:
    """One number for each event, and whether it is there [n]: of "MET", or entry i of a list "Jet_pt[i]".

    Raises: InputError for a list without an index that has not exactly one entry.
    """
    head, index = split_index(name)
    values, counts = table.columns[head]
    if counts is None:
        if index is not None:
            raise InputError(f"{table.path}: {name} expected a list for each event, found one number")
        return values.astype(np.float64), np.ones(len(values), bool)
    if index is None:
        if (counts != 1).any():
            row = int(np.argmax(counts != 1))
            raise InputError(f"{table.path}: event {table.first + row}: {name} expected one number, found "
                             f"{counts[row]}: name one as {name}[0]")  # fmt: skip
        index = 0
    there = counts > index
    out = np.zeros(len(counts))
    out[there] = values[(np.cumsum(counts) - counts)[there] + index]
    return out, there


def entries(table: Table, name: str) -> Column:
    """A column as lists; one number for each event is a list of one."""
    values, counts = table.columns[name]
    return Column(values, np.ones(len(values), np.int64) if counts is None else counts)


def momentum_of(collection: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a collection that is its momentum; the rest are columns for cuts."""
    return {key: collection[key] for key in (*POLAR, "mass", *CARTESIAN) if key in collection}


def names_in(momentum: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that a momentum is made of; numbers are constants."""
    return tuple(value for value in momentum.values() if isinstance(value, str))


def check_momentum(where: str, momentum: Mapping[str, Any]) -> None:
    """Raise InputError unless there are E, px, py, pz, or pt, eta, phi with mass or E."""
    keys = set(momentum)
    if keys not in ({*CARTESIAN}, {*POLAR, "mass"}, {*POLAR, "E"}):
        raise InputError(f"{where}: expected E, px, py, pz or pt, eta, phi, mass (or E), found {', '.join(momentum)}")


def four_momenta(table: Table, momentum: Mapping[str, Any], unit: str) -> tuple[np.ndarray, np.ndarray]:
    """(E, px, py, pz) in GeV of every entry [m, 4], and the entries of each event [n].

    Args:
      momentum: {"pt": "Jet_pt", "eta": ..., "phi": ..., "mass": 0.0}: columns, or constants in the unit.
      unit: Of energies and momenta in the file.
    Raises: InputError where the columns of one collection have different lengths.
    """
    parts, counts, reference = {}, None, ""
    for key, name in momentum.items():
        if not isinstance(name, str):
            parts[key] = float(name)
            continue
        column = entries(table, name)
        if counts is not None and not np.array_equal(column.counts, counts):
            row = int(np.argmax(column.counts != counts))
            raise InputError(f"{table.path}: event {table.first + row}: {name} expected {counts[row]} entries as "
                             f"{reference}, found {column.counts[row]}")  # fmt: skip
        counts, reference = column.counts, reference or name
        parts[key] = column.values.astype(np.float64)
    scale = UNITS[unit]
    with np.errstate(all="ignore"):  # beam particles have infinite pseudorapidity, and nobody picks them
        if "px" in parts:
            components = [parts[key] for key in CARTESIAN]
        else:
            pt, eta = parts["pt"], parts["eta"]
            pz = pt * np.sinh(eta)
            energy = parts["E"] if "E" in parts else np.sqrt((pt * np.cosh(eta)) ** 2 + parts["mass"] ** 2)
            components = [energy, pt * np.cos(parts["phi"]), pt * np.sin(parts["phi"]), pz]
        out = np.stack(np.broadcast_arrays(*components), axis=-1) * scale
    return out, counts


def kinematics(p: Float[np.ndarray, "m 4"]) -> dict[str, np.ndarray]:
    """pt, eta, abs_eta, phi, mass and energy of momenta, by the names that cuts use."""
    with np.errstate(all="ignore"):
        pt = np.hypot(p[:, 1], p[:, 2])
        eta = np.arcsinh(p[:, 3] / np.maximum(pt, 1e-12))
        mass = np.sqrt(np.maximum(p[:, 0] ** 2 - np.sum(p[:, 1:] ** 2, -1), 0))
    phi = np.arctan2(p[:, 2], p[:, 1])
    return {"pt": pt, "eta": eta, "abs_eta": np.abs(eta), "phi": phi, "mass": mass, "energy": p[:, 0]}


def within(values: np.ndarray, cut: tuple) -> np.ndarray:
    """Whether values lie in (smallest, largest), both included; None is no limit."""
    low, high = cut
    return (values >= (-np.inf if low is None else low)) & (values <= (np.inf if high is None else high))
