"""The result bundle, version 1: an HDF5 file with every draw and all that is needed to histogram it again.

    samples/momenta [n, k, p, 4] (attr labels) or samples/table [n, k, d] (attrs names, units), log_weights [n, k]
    weight [n]                    of the measured events; member, sample_weight, yields [n, k], info/NAME if any
    event [n]                     row of each measured event in the data file
    per_event/median, width_68 [n, m]   of each event's draws, attr names; where every event has draws of its own
    in_support, log_support [n]   whether and how well the training's events cover it, see data/support.py
    attributes                    bundle, method, seed, draws, events, density_of, code_version, config, model_hash,
                                  training_data_hash, data, data_hash, resonances, observables (JSON)

The first line is older than the bundle and stays as it was; everything else only adds to it.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import h5py
import jax
import numpy as np

from jaxunfold.data import schema
from jaxunfold.errors import InputError
from jaxunfold.metrics.compared import divide_weight
from jaxunfold.physics.expressions import Node, parse
from jaxunfold.physics.observables import leaves_of

BUNDLE = 1
ROWS = 2_000_000
"""Draws that are held in memory at a time."""


class Result(NamedTuple):
    """An open bundle: names of leaves or columns, what the config adds, and the small arrays.

    draw_weight: [n, k], the events that each draw counts for: its share of the event's weight, or its yield at truth
    level where the method corrects for efficiency and fakes. paired: whether every event has draws of its own.
    member: [n, k] or None; in_support: [n] or None where the run knows no support.
    """

    path: str
    kind: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    resonances: dict[str, tuple[str, ...]]
    named: dict[str, str]
    draw_weight: np.ndarray
    paired: bool
    member: np.ndarray | None
    in_support: np.ndarray | None
    attrs: dict[str, Any]

    @property
    def outside(self) -> int | None:
        """Measured events outside of the training's support."""
        return None if self.in_support is None else int(np.sum(~self.in_support))


def hash_of(tree: Any, text: str = "") -> str:
    """A hash of the arrays of any tree and a text: the same model, the same hash."""
    digest = hashlib.sha256(text.encode())
    for leaf in jax.tree.leaves(tree):
        array = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def attributes(resonances: Mapping[str, Sequence[str]], named: Mapping[str, str]) -> dict[str, Any]:
    """The attributes that make a file of draws a bundle, as far as the observables go."""
    return {"bundle": BUNDLE, "resonances": json.dumps(resonances), "observables": json.dumps(named)}


def read(path: str | os.PathLike) -> Result:
    """Open a result of ``unfold``. Raises: InputError for anything else."""
    with schema.open_file(path) as file:
        attrs = {key: value.item() if isinstance(value, np.generic) else value for key, value in file.attrs.items()}
        kinds = [kind for kind in ("momenta", "table") if f"samples/{kind}" in file]
        if attrs.get("bundle") != BUNDLE or len(kinds) != 1:
            raise InputError(
                f"{path}: expected a result of jaxunfold.unfold (attribute bundle = {BUNDLE}), "
                f"found {attrs.get('bundle', 'none')}"
            )
        samples = file[f"samples/{kinds[0]}"]
        names = tuple(samples.attrs["labels" if kinds[0] == "momenta" else "names"])
        arrays = {
            name: file[name][:] if name in file else None
            for name in ("log_weights", "weight", "member", "sample_weight", "yields", "in_support", "event")
        }
        units = tuple(samples.attrs["units"]) if "units" in samples.attrs else ("",) * len(names)
    n = len(arrays["event"])
    weight = np.ones(n) if arrays["weight"] is None else arrays["weight"].astype(np.float64)
    draws = arrays["yields"]
    if draws is None:
        draws = divide_weight(weight, arrays["log_weights"], arrays["sample_weight"])
    return Result(
        os.fspath(path), kinds[0], names, units,
        {name: tuple(children) for name, children in json.loads(attrs["resonances"]).items()},
        json.loads(attrs["observables"]), draws.astype(np.float64), len(draws) == n, arrays["member"],
        arrays["in_support"], attrs,
    )  # fmt: skip


def expression_of(result: Result, text: str) -> Node:
    """An observable of the result: the name of one of the config's, or an expression over leaves or columns."""
    text = result.named.get(text, text)
    if result.kind == "table":
        return parse(text, columns=dict(zip(result.names, result.units)))
    sums = {name: leaves_of(name, result.resonances) for name in result.resonances}
    return parse(text, result.names, sums=sums)


def values(result: Result, texts: Sequence[str]) -> list[np.ndarray]:
    """Observables of every draw, each [n, k], read in pieces. Raises: InputError for an expression that is none."""
    nodes = [expression_of(result, text) for text in texts]
    compute = jax.jit(lambda leaves: [node.value(leaves) for node in nodes])
    parts = []
    for _, leaves in pieces(result):
        shape = next(iter(leaves.values())).shape[:2]
        parts.append([np.broadcast_to(np.asarray(v), shape) for v in compute(leaves)])
    return [np.concatenate(column) for column in zip(*parts)]


def pieces(result: Result):
    """(first row, {leaf: [rows, k, 4] or column: [rows, k]}) of the samples, a bounded number of draws at a time."""
    with h5py.File(result.path, "r") as file:
        samples = file[f"samples/{result.kind}"]
        step = max(1, ROWS // samples.shape[1])
        for start in range(0, len(samples), step):
            block = samples[start : start + step]
            yield start, {name: block[:, :, i] for i, name in enumerate(result.names)}
