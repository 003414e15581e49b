"""Bring the particles and columns of any file into the order that a run was trained on, by label and name."""

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np

from jaxunfold.data.events import Events
from jaxunfold.errors import InputError


def match_columns(
    events: Events,
    truth_names: Sequence[str],
    reco_names: Sequence[str],
    extra_names: Sequence[str] = (),
) -> Events:
    """The same events with particles or columns in the given order.

    Numbered objects (j1, j2, ...) may be fewer than trained on: the missing ones are absent by the mask. More
    of them are refused where any event has one. Other columns that were not asked for are left out.

    Args:
      events: Momenta or a table.
      truth_names: Labels or names in the trained order; not used where the events have no truth.
      reco_names: Labels or names in the trained order.
      extra_names: Names of the extra columns in the trained order.
    Raises: InputError that names the missing label, or the row with more objects than trained on.
    """
    path = events.path or "events"
    changes = {}
    if events.truth is not None:
        pick = _find(path, f"truth/{events.kind}", events.truth_names, truth_names)
        units = tuple(events.truth_units[i] for i in pick) if events.truth_units else ()
        changes |= {
            "truth": _take(events.truth, pick),
            "truth_names": tuple(truth_names),
            "truth_units": units,
        }
    if events.kind == "momenta":
        changes |= _match_objects(path, events, tuple(reco_names))
    else:
        pick = _find(path, "reco/table", events.reco_names, reco_names)
        units = tuple(events.reco_units[i] for i in pick) if events.reco_units else ()
        changes |= {"reco": _take(events.reco, pick), "reco_names": tuple(reco_names), "reco_units": units}
    if extra_names:
        pick = _find(path, "reco/extra", events.extra_names, extra_names)
        changes |= {"extra": _take(events.extra, pick), "extra_names": tuple(extra_names)}
    return dataclasses.replace(events, **changes)


def selected(events: Events, cuts: Mapping[str, Sequence]) -> np.ndarray:
    """Which events pass cuts on extra columns, [n]: {"n_jets": (2, 2)} keeps two jets, (4, None) four or more.

    Args:
      cuts: Smallest and largest value of each column, both included; None is no limit.
    Raises: InputError that names the column which is missing, or the cut which is not two numbers in order.
    """
    path, keep = events.path or "events", np.ones(len(events), bool)
    for name, cut in cuts.items():
        if len(tuple(cut)) != 2 or (None not in tuple(cut) and cut[0] > cut[1]):
            raise InputError(f"data.select.{name}: expected (smallest, largest) or None for no limit, found {cut!r}")
        values = events.extra[:, _find(path, "reco/extra", events.extra_names, (name,))[0]]
        low, high = (np.inf * sign if limit is None else limit for limit, sign in zip(cut, (-1, 1)))
        keep &= (values >= low) & (values <= high)
    return keep


def _match_objects(path: str, events: Events, wanted: tuple[str, ...]) -> dict:
    found = events.reco_names
    mask = events.reco.any(axis=-1) if events.mask is None else events.mask
    # j4 may be missing where j1 is there: a smaller number of the same kind
    padding = [name for name in wanted if name not in found and _smaller(name, found)]
    pick = _find(path, "reco/momenta", (*found, *padding), wanted)
    for i, label in enumerate(found):
        if label not in wanted and _smaller(label, wanted) and mask[:, i].any():
            row, stem = int(np.argmax(mask[:, i])), _split(label)[0]
            most = sum(_split(name)[0] == stem for name in wanted)
            raise InputError(
                f"{path}: reco/momenta row {row} expected at most {most} {stem!r} as in training, found {label}"
            )
    if padding:
        empty = np.zeros((len(events), len(padding), 4), events.reco.dtype)
        reco = np.concatenate([events.reco, empty], axis=1)
        mask = np.concatenate([mask, np.zeros(empty.shape[:2], bool)], axis=1)
    else:
        reco = events.reco
    return {"reco": _take(reco, pick), "mask": _take(mask, pick), "reco_names": wanted}


def _find(path: str, dataset: str, found: Sequence[str], wanted: Sequence[str]) -> list[int]:
    missing = [name for name in wanted if name not in found]
    if missing:
        has = ", ".join(found) or "none"
        raise InputError(f"{path}: {dataset} expected {', '.join(missing)} as trained on, found {has}")
    return [list(found).index(name) for name in wanted]


def _take(values: np.ndarray, pick: list[int]) -> np.ndarray:
    return values if pick == list(range(values.shape[1])) else values[:, pick]


def _split(label: str) -> tuple[str, int]:
    """("j", 4) of "j4"; number -1 where there is none."""
    match = re.fullmatch(r"(.*?)(\d+)", label)
    return (match[1], int(match[2])) if match else (label, -1)


def _smaller(label: str, labels: Sequence[str]) -> bool:
    stem, number = _split(label)
    return any(_split(other)[0] == stem and 0 <= _split(other)[1] < number for other in labels)
