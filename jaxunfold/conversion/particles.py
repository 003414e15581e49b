"""Truth from a generator's particle record: by PDG id and status, or by a pattern of a decay tree.

A pattern is {label: rule}. A rule is a PDG id, several, or a dictionary with

    pid      the id or ids, of one sign unless both are listed
    status   the status code or codes of the record, e.g. 23 for the hard process of Pythia
    to       the children: {label: rule}, for a particle that decays
    copy     "first" of the copies that a record has of a particle, right after its production (the default without
             a status), "last", after radiation, or "any" (the default with one)
    pt_min   in GeV; eta_max: in absolute value
    pick     "all": exactly as many as labels with the same rule (the default), or "leading": those of largest pT

Labels with the same rule share its particles by falling pT.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxunfold.conversion.columns import kinematics
from jaxunfold.errors import InputError

KEYS = ("pid", "status", "to", "copy", "pt_min", "eta_max", "pick")


class Record(NamedTuple):
    """The particles of many events, flat: event, PDG id, status or None, (E, px, py, pz) in GeV.

    mother: index of the first one, -1 where there is none; None where the file has no such column.
    """

    event: Int[np.ndarray, " m"]
    pid: Int[np.ndarray, " m"]
    status: Int[np.ndarray, " m"] | None
    mother: Int[np.ndarray, " m"] | None
    momentum: Float[np.ndarray, "m 4"]


class Rule(NamedTuple):
    """A rule as it is used; to: labels and rules of the children."""

    pid: tuple[int, ...]
    status: tuple[int, ...] = ()
    to: tuple[tuple[str, "Rule"], ...] = ()
    copy: str = "first"
    pt_min: float = 0.0
    eta_max: float = np.inf
    pick: str = "all"

    def shape(self) -> tuple:
        """The rule without labels: what makes two labels share candidates."""
        return (*self[:2], tuple(rule.shape() for _, rule in self.to), *self[3:])

    def leaves(self, label: str) -> tuple[str, ...]:
        """The labels at the ends of the tree."""
        return tuple(leaf for name, rule in self.to for leaf in rule.leaves(name)) if self.to else (label,)


def read_pattern(pattern: Mapping[str, Any], where: str = "truth.tree") -> dict[str, Rule]:
    """The rules of a config's pattern. Raises: InputError that names the key which is wrong."""
    if not pattern:
        raise InputError(f"{where}: expected labels with their rules, found none")
    return {label: _rule(rule, f"{where}.{label}") for label, rule in pattern.items()}


def _rule(rule: Any, where: str) -> Rule:
    if not isinstance(rule, Mapping):
        rule = {"pid": rule}
    if unknown := [key for key in rule if key not in KEYS] or ("pid" not in rule and ["no pid"]):
        raise InputError(f"{where}: expected pid and some of {', '.join(KEYS[1:])}, found {unknown[0]}")
    values = dict(rule)
    for key in ("pid", "status"):
        if key in values:
            numbers = values[key] if isinstance(values[key], tuple | list) else (values[key],)
            if not numbers or not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
                raise InputError(f"{where}.{key}: expected integers, found {values[key]!r}")
            values[key] = tuple(numbers)
    if "to" in values:
        values["to"] = tuple(read_pattern(values["to"], f"{where}.to").items())
    values.setdefault("copy", "any" if "status" in values else "first")
    for key, known in (("copy", ("first", "last", "any")), ("pick", ("all", "leading"))):
        if values.get(key, known[0]) not in known:
            raise InputError(f"{where}.{key}: expected one of {', '.join(known)}, found {values[key]!r}")
    return Rule(**values)


class Found(NamedTuple):
    """ok: events in which the whole pattern is there once, [n]; index: {leaf: its particle [n], -1 where it is not};
    counts: {labels: candidates in each event}, of the top of the pattern."""

    ok: np.ndarray
    index: dict[str, np.ndarray]
    counts: dict[tuple[str, ...], np.ndarray]


def find(record: Record, rules: Mapping[str, Rule], num_events: int) -> Found:
    """The particles that fit a pattern in each event."""
    return _match(record, _heads(record, rules), rules, record.event, num_events)


def _heads(record: Record, rules: Mapping[str, Rule]) -> np.ndarray | None:
    """The first copy of each particle: up the line of mothers of the same kind, [m]."""
    if not any(rule.to or rule.copy != "any" for rule in rules.values()):
        return None
    if record.mother is None:
        raise InputError("truth.particles: expected a column of mothers for a pattern with decays, found none")
    head = np.arange(len(record.pid))
    for _ in range(len(head) + 1):
        mother = record.mother[head]
        up = (mother >= 0) & (record.pid[np.maximum(mother, 0)] == record.pid[head])
        if not up.any():
            return head
        head = np.where(up, mother, head)
    raise InputError("truth.particles: expected mothers that come before their daughters, found a circle")


def _match(record: Record, head, rules: Mapping[str, Rule], parent, num_parents: int) -> Found:
    """Particles below each parent (an event, or the first copy of a particle) that fit; see ``Found``."""
    groups: dict[tuple, list[str]] = {}
    for label, rule in rules.items():
        groups.setdefault(rule.shape(), []).append(label)
    ok, index, counts = np.ones(num_parents, bool), {}, {}
    for labels in groups.values():
        rule, size = rules[labels[0]], len(labels)
        fits, below = _candidates(record, head, rule)
        at = np.flatnonzero(fits & (parent >= 0))
        pt = np.hypot(*record.momentum[at, 1:3].T)
        at = at[np.lexsort((-pt, parent[at]))]
        count = np.bincount(parent[at], minlength=num_parents)
        rank = np.arange(len(at)) - (np.cumsum(count) - count)[parent[at]]
        ok &= (count >= size) if rule.pick == "leading" else (count == size)
        counts[tuple(labels)] = count
        for place, label in enumerate(labels):
            chosen = np.full(num_parents, -1)
            mine = at[rank == place]
            chosen[parent[mine]] = mine
            if not rule.to:
                index[label] = chosen
                continue
            own = rules[label].leaves(label)
            for leaf, below_leaf in zip(own, (below[name] for name in rule.leaves(labels[0]))):
                index[leaf] = np.where(chosen >= 0, below_leaf[head[np.maximum(chosen, 0)]], -1)
    return Found(ok, {leaf: np.where(ok, chosen, -1) for leaf, chosen in index.items()}, counts)


def _candidates(record: Record, head, rule: Rule) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Whether each particle fits a rule [m], and the leaves below it, by first copy."""
    fits = np.isin(record.pid, rule.pid)
    if rule.status:
        if record.status is None:
            raise InputError("truth.particles: expected a column of status codes for a rule with one, found none")
        fits &= np.isin(record.status, rule.status)
    if rule.pt_min or np.isfinite(rule.eta_max):
        seen = kinematics(record.momentum)
        fits &= (seen["pt"] >= rule.pt_min) & (seen["abs_eta"] <= rule.eta_max)
    if rule.copy == "first":
        fits &= head == np.arange(len(head))
    elif rule.copy == "last":
        mother = record.mother
        again = (mother >= 0) & (record.pid[np.maximum(mother, 0)] == record.pid)
        has_copy = np.zeros(len(head), bool)
        has_copy[mother[again]] = True
        fits &= ~has_copy
    if not rule.to:
        return fits, {}
    above = record.mother[head]
    parent = np.where(above >= 0, head[np.maximum(above, 0)], -1)
    found = _match(record, head, dict(rule.to), parent, len(record.pid))
    return fits & found.ok[head], found.index
