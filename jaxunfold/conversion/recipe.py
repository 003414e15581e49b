"""What a conversion config says, checked: the only place that reads its keys."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxunfold.conversion import matching, objects, particles
from jaxunfold.conversion.columns import UNITS, check_momentum, names_in, split_index
from jaxunfold.errors import InputError

KEYS = ("name", "sqrt_s_gev", "generator", "source", "weight", "keep", "truth", "reco", "match", "extra", "detector")
EXTRA = {"count": 1, "column": 1, "x": 2, "y": 2}
"""Kinds of extra columns and how many names each takes: ("count", entry), ("column", name), ("x", size, angle)."""


class Recipe(NamedTuple):
    """How a file becomes paired events.

    source: reader, tree and unit. weight: a column or "". keep: "accepted" (events that pass at truth and reco level)
    or "all" (those that pass at either, with flags).
    truth: None for data, {"columns", "units", "passes"} of a table, or {"particles", "tree", "missing", "massless"},
      or {"leaves"}: four-momenta that are columns.
    reco: {"columns", "units", "passes"} or {"collections", "objects"}. match: {"pairs", "max_delta_r"} or None.
    order: of truth's leaves or columns, of reco's objects or columns; a config sorts its keys.
    extra: {name: (kind, column, ...)}. detector: {"card", "seed"}, the fast detector on stable particles, or None.
    """

    name: str
    sqrt_s_gev: float | None
    generator: str
    source: dict[str, str]
    weight: str
    keep: str
    truth: dict[str, Any] | None
    reco: dict[str, Any]
    match: dict[str, Any] | None
    extra: dict[str, tuple]
    detector: dict[str, Any] | None

    @property
    def is_table(self) -> bool:
        return "columns" in self.reco

    @property
    def rules(self) -> dict[str, particles.Rule]:
        return particles.read_pattern(self.truth["tree"])

    @property
    def entries(self) -> dict[str, objects.Entry]:
        found = self.reco["objects"]
        return objects.read_entries(
            {key: found[key] for key in self.reco.get("order") or found}, self.reco["collections"]
        )

    @property
    def truth_names(self) -> tuple[str, ...]:
        if self.truth is None:
            return ()
        if "tree" in self.truth:
            leaves = tuple(leaf for label, rule in self.rules.items() for leaf in rule.leaves(label))
        else:
            leaves = tuple(self.truth["columns" if self.is_table else "leaves"])
        return tuple(self.truth.get("order") or leaves)

    @property
    def reco_names(self) -> tuple[str, ...]:
        if self.is_table:
            return tuple(self.reco.get("order") or self.reco["columns"])
        return objects.labels_of(self.entries)

    def to_json(self) -> str:
        """Everything that decides which events come out, as one line."""
        return json.dumps(self._asdict(), sort_keys=True)


def from_config(config: Mapping[str, Any]) -> Recipe:
    """A recipe from a config's values. Raises: InputError for a missing, unknown or senseless key."""
    defaults = {"sqrt_s_gev": None, "generator": "", "source": {}, "weight": "", "keep": "accepted", "truth": None}
    values = {**defaults, "match": None, "extra": {}, "detector": None, **config}
    if wrong := sorted(set(values) ^ set(KEYS)):
        raise InputError(f"config: expected the keys {', '.join(KEYS)}; wrong: {', '.join(wrong)}")
    source = {"reader": "", "tree": "", "unit": "GeV", **values["source"]}
    _known("source", source, ("reader", "tree", "unit"))
    _one_of("source.unit", source["unit"], UNITS)
    _one_of("keep", values["keep"], ("accepted", "all"))
    recipe = Recipe(**{**values, "source": source, "extra": {k: tuple(v) for k, v in values["extra"].items()}})
    _check_reco(recipe)
    if recipe.truth is not None:
        recipe = recipe._replace(truth=_checked_truth(recipe))
    _check_rest(recipe)
    return recipe


def _check_reco(recipe: Recipe) -> None:
    if recipe.is_table:
        _table("reco", recipe.reco)
        return
    _known("reco", recipe.reco, ("collections", "objects", "order"))
    if not {"collections", "objects"} <= set(recipe.reco):
        raise InputError("reco: expected columns of a table, or collections and objects")
    _ordered("reco", recipe.reco, recipe.reco["objects"])
    for label in recipe.entries:
        if recipe.reco_names.count(label) > 1:
            raise InputError(f"reco.objects: expected distinct labels, found {label!r} twice")


def _ordered(where: str, section: Mapping[str, Any], names) -> None:
    order = section.get("order")
    if order and sorted(order) != sorted(names):
        raise InputError(f"{where}.order: expected each of {', '.join(names)} once, found {', '.join(order)}")


def _table(where: str, section: Mapping[str, Any]) -> None:
    _known(where, section, ("columns", "units", "passes", "order"))
    if not isinstance(section["columns"], Mapping) or not section["columns"]:
        raise InputError(f"{where}.columns: expected {{name: column of the file}}, found {section['columns']!r}")
    _ordered(where, section, section["columns"])
    for name in section.get("units") or {}:
        if name not in section["columns"]:
            raise InputError(f"{where}.units: expected some of {', '.join(section['columns'])}, found {name!r}")


def _checked_truth(recipe: Recipe) -> dict[str, Any]:
    truth = {"missing": "refuse", "massless": {}, **recipe.truth}
    if recipe.is_table:
        _table("truth", recipe.truth)
        return truth
    _known("truth", truth, ("particles", "tree", "leaves", "order", "missing", "massless"))
    _one_of("truth.missing", truth["missing"], ("refuse", "allow"))
    if ("leaves" in truth) == ("tree" in truth):
        raise InputError(
            "truth: expected a tree with its particles, or leaves, found " + ("both", "neither")["tree" not in truth]
        )
    if "leaves" in truth:
        for label, momentum in truth["leaves"].items():
            check_momentum(f"truth.leaves.{label}", momentum)
    else:
        columns = dict(truth.get("particles") or {})
        for key in ("pid", "status", "mother"):
            if not isinstance(columns.pop(key, ""), str) or (
                key == "pid" and "pid" not in truth.get("particles", {})
            ):
                raise InputError(f"truth.particles.{key}: expected a column, found none")
        check_momentum("truth.particles", columns)
        particles.read_pattern(truth["tree"])
    names = recipe._replace(truth={**truth, "order": None}).truth_names
    _ordered("truth", truth, names)
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"truth.tree: expected distinct leaves, found {twice[0]!r} twice")
    for name, pair in truth["massless"].items():
        if len(pair) != 2 or not set(pair) <= set(names):
            raise InputError(f"truth.massless.{name}: expected two of {', '.join(names)}, found {pair}")
    return truth


def _check_rest(recipe: Recipe) -> None:
    if recipe.is_table and (recipe.match or recipe.extra or recipe.detector):
        raise InputError("config: match, extra and detector expected four-momenta, found a table of columns")
    for name, (kind, *names) in recipe.extra.items():
        if kind not in EXTRA or len(names) != EXTRA[kind] or (kind == "count" and names[0] not in recipe.entries):
            raise InputError(f"extra.{name}: expected (kind, names ...) with a kind of {', '.join(EXTRA)}, found "
                             f"{(kind, *names)}")  # fmt: skip
    if recipe.detector is not None:
        _known("detector", recipe.detector, ("card", "seed"))
    if recipe.match is None:
        return
    _known("match", recipe.match, ("pairs", "max_delta_r"))
    if recipe.truth is None:
        raise InputError("match: expected a section truth to match to, found none")
    matching.check_match(recipe.match["pairs"], recipe.truth_names, recipe.reco_names)
    if recipe.match.get("max_delta_r") is not None and recipe.keep == "all":
        raise InputError("match.max_delta_r: expected None with keep = 'all', for it is no cut at either level")


def truth_columns(recipe: Recipe) -> tuple[str, ...]:
    """The columns of the file that truth needs."""
    truth = recipe.truth
    if truth is None:
        return ()
    if recipe.is_table:
        return _plain([*truth["columns"].values(), truth.get("passes") or ""])
    if "leaves" in truth:
        return _plain([name for momentum in truth["leaves"].values() for name in names_in(momentum)])
    rules, needed = recipe.rules, dict(truth["particles"])
    if not _uses(rules, lambda rule: rule.to or rule.copy != "any"):
        needed.pop("mother", None)
    if not _uses(rules, lambda rule: rule.status) and recipe.detector is None:
        needed.pop("status", None)
    return _plain([value for value in needed.values() if isinstance(value, str)])


def reco_columns(recipe: Recipe, made: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The columns of the file that reco and the extra columns need, without those ``made`` by the fast detector."""
    if recipe.is_table:
        names = [*recipe.reco["columns"].values(), recipe.reco.get("passes") or ""]
    else:
        names = list(objects.columns_of(recipe.entries, recipe.reco["collections"]))
        names += [name for kind, *of in recipe.extra.values() if kind != "count" for name in of]
    return tuple(name for name in _plain(names) if name not in made)


def _uses(rules: Mapping[str, particles.Rule], test) -> bool:
    return any(test(rule) or _uses(dict(rule.to), test) for rule in rules.values())


def _plain(names) -> tuple[str, ...]:
    return tuple(dict.fromkeys(split_index(name)[0] for name in names if name))


def _known(where: str, section: Mapping[str, Any], keys) -> None:
    if unknown := [key for key in section if key not in keys]:
        raise InputError(f"{where}: expected some of {', '.join(keys)}, found {unknown[0]!r}")


def _one_of(where: str, value: Any, known) -> None:
    if value not in known:
        raise InputError(f"{where}: expected one of {', '.join(known)}, found {value!r}")
