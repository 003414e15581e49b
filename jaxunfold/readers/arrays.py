"""Columns of NumPy (.npz) and HDF5 files: arrays [n], or [n, k] for lists of k numbers."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.readers.base import PIECE, Piece, Source, brief, check_columns, check_file, from_dense

ROWS = 16 * PIECE


def open_npz(path: str) -> Source:
    """Arrays of a NumPy archive, each loaded once as a whole; objects are refused, for they may run code.

    Raises: InputError for a file that is not one, or is truncated.
    """
    check_file(path)
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            names = tuple(file.files)
    except Exception as error:
        raise InputError(
            f"{path}: expected a NumPy archive (.npz), found none or a damaged one ({brief(error)})"
        ) from error
    kept: dict[str, np.ndarray] = {}

    def load(name):
        if name not in kept:
            with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
                kept[name] = file[name]
        return kept[name]

    if not names:
        raise InputError(f"{path}: expected arrays, found none")
    first = _safely(path, names[0], lambda: len(np.atleast_1d(load(names[0]))))
    return Source(path, names, first, "events", partial(_pieces, path, names, load))


def open_hdf5(path: str) -> Source:
    """Datasets of an HDF5 file by their paths, "group/name"; the fields of a compound one as "name.field".

    Raises: InputError for a file that is not HDF5, or is truncated.
    """
    import h5py

    from jaxunfold.data import schema

    file = schema.open_file(path)
    found: dict[str, Callable] = {}

    def visit(name, node):
        if isinstance(node, h5py.Dataset) and node.ndim in (1, 2):
            if node.dtype.names:
                found.update({f"{name}.{field}": node.fields(field) for field in node.dtype.names})
            else:
                found[name] = node

    try:
        file.visititems(visit)
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"{path}: damaged HDF5 file ({brief(error)})") from error
    if not found:
        raise InputError(f"{path}: expected datasets of shape [n] or [n, k], found none")
    length = max(len(node) for node in found.values())
    return Source(path, tuple(found), length, "events", partial(_pieces, path, tuple(found), found.__getitem__))


def _pieces(path: str, names: Sequence[str], load: Callable, wanted: Sequence[str]) -> Iterator[Piece]:
    check_columns(path, names, wanted)
    if not wanted:
        raise InputError(f"{path}: expected columns to read, found none")
    lengths = {name: _safely(path, name, lambda name=name: len(load(name))) for name in wanted}
    total = lengths[wanted[0]]
    for name, length in lengths.items():
        if length != total:
            raise InputError(f"{path}: {name} expected {total} events as {wanted[0]}, found {length}")
    if not total:
        raise InputError(f"{path}: {wanted[0]} expected at least one event, found zero")
    for start in range(0, total, ROWS):
        stop = min(start + ROWS, total)
        columns = {}
        for name in wanted:
            values = _safely(path, name, lambda name=name, a=start, b=stop: np.asarray(load(name)[a:b]))
            columns[name] = from_dense(path, name, values)
        yield Piece(stop - start, columns, stop - start)


def _safely(path: str, name: str, function: Callable):
    try:
        return function()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: {name} cannot be read, truncated or damaged ({brief(error)})") from error
