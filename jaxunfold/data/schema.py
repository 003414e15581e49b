"""Layout of an event file (HDF5, schema 1) and the checks of its structure: shapes, dtypes, names.

truth/momenta [n, n_truth, 4], reco/momenta [n, n_reco, 4] and reco/mask [n, n_reco], or truth/table [n, d]
and reco/table [n, r]; optional reco/extra [n, e], weight, pass_truth and pass_reco [n]. Generated events, of which
nothing is measured, have truth alone. Of attributes only ``schema`` is required. Links and storage elsewhere are
refused: a stranger's file can do no harm.
"""

import os
from typing import Any, NamedTuple

import h5py
import numpy as np

from jaxunfold.errors import InputError

SCHEMA = 1
CHUNK = 8192
"""Rows of one compressed chunk; streaming reads whole chunks."""

NDIM = {
    "truth/momenta": 3,
    "reco/momenta": 3,
    "reco/mask": 2,
    "truth/table": 2,
    "reco/table": 2,
    "reco/extra": 2,
    "weight": 1,
    "pass_truth": 1,
    "pass_reco": 1,
}
SHAPES = {
    "truth/momenta": "[n, n_truth, 4]",
    "reco/momenta": "[n, n_reco, 4]",
    "reco/mask": "[n, n_reco]",
    "truth/table": "[n, d]",
    "reco/table": "[n, r]",
    "reco/extra": "[n, e]",
}
FLAGS = ("reco/mask", "pass_truth", "pass_reco")


class Header(NamedTuple):
    """What a file says of itself before any row is read.

    kind: "momenta" or "table"; names and units in the order of the columns; shapes of the datasets present.
    """

    path: str
    kind: str
    num_events: int
    shapes: dict[str, tuple[int, ...]]
    truth_names: tuple[str, ...]
    reco_names: tuple[str, ...]
    extra_names: tuple[str, ...]
    truth_units: tuple[str, ...]
    reco_units: tuple[str, ...]
    attrs: dict[str, Any]


def open_file(path: str | os.PathLike) -> h5py.File:
    """An HDF5 file opened for reading; InputError where there is none, or it is not HDF5, or truncated."""
    path = os.fspath(path)
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file")
    if os.path.isdir(path):
        raise InputError(f"{path}: expected an HDF5 event file, found a directory")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: not readable (permission denied)")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        text = str(error)
        if "truncated" in text:
            raise InputError(f"{path}: truncated HDF5 file ({short(text)})") from error
        if os.path.getsize(path) == 0:
            raise InputError(f"{path}: not an HDF5 file (it is empty)") from error
        if "signature" in text:
            raise InputError(f"{path}: not an HDF5 file") from error
        raise InputError(f"{path}: damaged HDF5 file ({short(text)})") from error


def read_header(file: h5py.File, require_truth: bool = False) -> Header:
    """Check the structure of an open file and return its header. Raises: InputError, one line."""
    path = file.filename
    try:
        attrs = {key: _plain(value) for key, value in file.attrs.items()}
        _check_schema(path, attrs)
        kind = _kind(file, path)
        shapes = {}
        for name in NDIM:
            dataset = _dataset(file, path, name)
            if dataset is not None:
                shapes[name] = tuple(dataset.shape)
        truth, reco = f"truth/{kind}", f"reco/{kind}"
        _check_present(path, kind, shapes, require_truth)
        first = reco if reco in shapes else truth
        _check_lengths(path, shapes, first)
        key = "labels" if kind == "momenta" else "names"
        prefix = "p" if kind == "momenta" else "x"
        return Header(
            path=path,
            kind=kind,
            num_events=shapes[first][0],
            shapes=shapes,
            truth_names=_names(file, path, truth, key, prefix),
            reco_names=_names(file, path, reco, key, prefix),
            extra_names=_names(file, path, "reco/extra", "names", "e"),
            truth_units=_units(file, path, truth) if kind == "table" else (),
            reco_units=_units(file, path, reco) if kind == "table" else (),
            attrs=attrs,
        )
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"{path}: damaged HDF5 file ({short(str(error))})") from error


def read_rows(file: h5py.File, header: Header, name: str, start: int, stop: int) -> np.ndarray | None:
    """Rows [start, stop) of one dataset as float32 (bool for flags), or None where it is absent."""
    if name not in header.shapes:
        return None
    try:
        values = file[name][start:stop]
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(
            f"{header.path}: {name} cannot be read, truncated or damaged HDF5 file ({short(str(error))})"
        ) from error
    if name in FLAGS:
        if values.dtype != bool and not np.isin(values, (0, 1)).all():
            raise InputError(f"{header.path}: {name} expected true or false (0 or 1), found other values")
        return values.astype(bool)
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which the value checks report
        return values.astype(np.float32)


def _check_schema(path: str, attrs: dict) -> None:
    found = attrs.pop("schema", None)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or found != SCHEMA:
        shown = "none" if found is None else repr(found)
        raise InputError(f"{path}: root attribute schema expected {SCHEMA}, found {shown}")


def _kind(file: h5py.File, path: str) -> str:
    kinds = [kind for kind in ("momenta", "table") if f"reco/{kind}" in file]
    if not kinds and "reco" not in file:
        kinds = [kind for kind in ("momenta", "table") if f"truth/{kind}" in file]
    if len(kinds) != 1:
        found = "both" if kinds else "neither"
        raise InputError(f"{path}: missing dataset: expected reco/momenta or reco/table, found {found}")
    return kinds[0]


def _dataset(file: h5py.File, path: str, name: str) -> h5py.Dataset | None:
    """One dataset of the layout after checks of link, shape and dtype; None where it is absent."""
    node = file
    for part in name.split("/"):
        if not isinstance(node, h5py.Group):
            raise InputError(f"{path}: {node.name.strip('/')} expected a group, found a dataset")
        link = node.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise InputError(f"{path}: {name} expected a dataset in this file, found a link")
        node = node[part]
    if not isinstance(node, h5py.Dataset):
        raise InputError(f"{path}: {name} expected a dataset, found {type(node).__name__.lower()}")
    if node.external or node.is_virtual:
        raise InputError(f"{path}: {name} expected its values in this file, found storage in another")
    kinds, expected = ("biu", "bool") if name in FLAGS else ("fiu", "float32")
    if node.dtype.kind not in kinds:
        raise InputError(f"{path}: {name} expected dtype {expected}, found {node.dtype}")
    shape, last = node.shape, 4 if name.endswith("momenta") else None
    ok = shape is not None and len(shape) == NDIM[name] and (last is None or shape[-1] == last)
    # no measured column at all is a density to learn without a condition
    if not ok or (0 in shape[1:] and name != "reco/table"):
        found = "no values" if shape is None else list(shape)
        raise InputError(f"{path}: {name} expected shape {SHAPES.get(name, '[n]')}, found {found}")
    return node


def _check_present(path: str, kind: str, shapes: dict, require_truth: bool) -> None:
    other = {"momenta": "table", "table": "momenta"}[kind]
    if f"truth/{other}" in shapes:
        raise InputError(f"{path}: expected truth/{kind} beside reco/{kind}, found truth/{other}")
    if "reco/momenta" in shapes and "reco/mask" not in shapes:
        raise InputError(f"{path}: missing dataset reco/mask, expected [n, n_reco] bool, true where present")
    if require_truth and f"truth/{kind}" not in shapes:
        raise InputError(f"{path}: missing dataset truth/{kind}, expected the truth of every event, found none")


def _check_lengths(path: str, shapes: dict, first: str) -> None:
    num = shapes[first][0]
    for name, shape in shapes.items():
        if shape[0] != num:
            raise InputError(f"{path}: {name} expected as many events as {first} ({num}), found {shape[0]}")
    if first == "reco/momenta" and shapes["reco/mask"] != shapes[first][:2]:
        raise InputError(
            f"{path}: reco/mask expected shape {list(shapes[first][:2])} as reco/momenta, "
            f"found {list(shapes['reco/mask'])}"
        )
    if num == 0:
        raise InputError(f"{path}: {first} expected at least one event, found zero")


def _texts(file: h5py.File, path: str, name: str, key: str) -> tuple[str, ...] | None:
    if name not in file or key not in file[name].attrs:
        return None
    value = _plain(file[name].attrs[key])
    if isinstance(value, str):  # one string, separated by commas
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InputError(f"{path}: {name} attribute {key} expected strings, found {value!r}")
    size = file[name].shape[1]
    if len(value) != size:
        raise InputError(f"{path}: {name} attribute {key} expected {size} strings, found {len(value)}")
    return tuple(value)


def _names(file: h5py.File, path: str, name: str, key: str, prefix: str) -> tuple[str, ...]:
    if name not in file:
        return ()
    names = _texts(file, path, name, key) or tuple(f"{prefix}{i}" for i in range(file[name].shape[1]))
    twice = [text for i, text in enumerate(names) if text in names[:i]]
    if twice:
        raise InputError(f"{path}: {name} attribute {key} expected distinct names, found {twice[0]!r} twice")
    return names


def _units(file: h5py.File, path: str, name: str) -> tuple[str, ...]:
    if name not in file:
        return ()
    return _texts(file, path, name, "units") or ("",) * file[name].shape[1]


def _plain(value):
    """An attribute as plain Python: str, int, float, bool or a list of them."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()] if value.ndim else _plain(value.item())
    return value.item() if isinstance(value, np.generic) else value


def short(text: str) -> str:
    """The telling part of an HDF5 error, on one line."""
    text = " ".join(text.split())
    return text[text.rfind("(") + 1 :].rstrip(")") if text.startswith("Unable") and "(" in text else text
