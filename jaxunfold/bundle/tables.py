"""Draws as flat tables, one row a draw: Parquet and ROOT, written in pieces."""

import importlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxunfold.bundle.files import Result, expression_of, pieces
from jaxunfold.errors import InputError

COMPONENTS = ("E", "px", "py", "pz")
SPELLED = {"+": "plus", "-": "minus"}


def plain(name: str) -> str:
    """A column name without signs: "eplus_px" of "e+_px"."""
    spelled = "".join(SPELLED.get(c, c) for c in name)
    return "".join(c if c.isalnum() or c == "_" else "_" for c in spelled)


def rows(result: Result, observables: Mapping[str, str]) -> Iterator[dict[str, np.ndarray]]:
    """Columns of consecutive draws: event (-1 for a sample that serves all), draw, weight, in_support, components of
    every leaf or the table's columns, then the named observables."""
    nodes = {name: expression_of(result, text) for name, text in observables.items()}
    for first, leaves in pieces(result):
        shape = next(iter(leaves.values())).shape[:2]
        event = np.arange(first, first + shape[0])
        out = {"event": event if result.paired else np.full(shape[0], -1)}
        out = {"event": np.repeat(out["event"], shape[1]), "draw": np.tile(np.arange(shape[1]), shape[0])}
        out["weight"] = result.draw_weight[first : first + shape[0]].ravel()
        if result.in_support is not None and result.paired:
            out["in_support"] = np.repeat(result.in_support[first : first + shape[0]], shape[1])
        for leaf, values in leaves.items():
            if values.ndim == 2:
                out[plain(leaf)] = values.ravel()
            else:
                out |= {f"{plain(leaf)}_{c}": values[..., i].ravel() for i, c in enumerate(COMPONENTS)}
        for name, node in nodes.items():
            out[plain(name)] = np.broadcast_to(np.asarray(node.value(leaves)), shape).ravel()
        yield out


def write(path: str | os.PathLike, result: Result, observables: Mapping[str, str]) -> int:
    """Write a table by the end of its name, .parquet or .root; returns the number of rows.

    Raises: InputError for another name, or without the library.
    """
    path, kind = os.fspath(path), os.path.splitext(path)[1].lower()
    if kind not in WRITERS:
        raise InputError(f"--out: expected a name that ends with {' or '.join(WRITERS)}, found {path}")
    temporary = f"{os.path.splitext(path)[0]}.{os.getpid()}.tmp{kind}"
    try:
        number = WRITERS[kind](temporary, rows(result, observables))
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return number


def _need(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"exporting needs {error.name}, found none: pip install 'jaxunfold[io]'") from error


def _parquet(path: str, blocks: Iterator[dict[str, np.ndarray]]) -> int:
    pa, parquet = _need("pyarrow"), _need("pyarrow.parquet")
    writer, number = None, 0
    try:
        for block in blocks:
            table = pa.table({name: pa.array(values) for name, values in block.items()})
            writer = writer or parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
            number += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    return number


def _root(path: str, blocks: Iterator[dict[str, np.ndarray]]) -> int:
    uproot = _need("uproot")
    number, tree = 0, None
    with uproot.recreate(path) as file:
        for block in blocks:
            if tree is None:
                tree = file.mktree("draws", {name: values.dtype for name, values in block.items()})
            tree.extend(block)
            number += len(block["draw"])
    return number


WRITERS = {".parquet": _parquet, ".root": _root}
