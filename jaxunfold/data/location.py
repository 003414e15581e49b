"""Where a data file or a shipped model is, and which file it is."""

import difflib
import hashlib
import os
from pathlib import Path

from jaxunfold.data.events import sample_path
from jaxunfold.errors import InputError


def resolve(path: str) -> str:
    """A data file's path: "sample:NAME" is an embedded sample."""
    if not path:
        raise InputError("--data: expected an event file or a table file, this config brings none")
    if path.startswith("sample:"):
        return sample_path(path.removeprefix("sample:"))
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file")
    return path


MODELS = Path(__file__).parent / "models"


def model_names() -> tuple[str, ...]:
    """Names of the trained runs that ship with the package."""
    return tuple(sorted(path.parent.name for path in MODELS.glob("*/config.json")))


def run_folder(path: str | os.PathLike) -> str:
    """The folder of a trained run: "model:NAME" is one that ships with the package.

    Raises: InputError for a name that none of them has, with the nearest one.

    Example:
      >>> run_folder("runs/mine")
      'runs/mine'
      >>> run_folder("model:zw_2jt")
      Traceback (most recent call last):
          ...
      jaxunfold.errors.InputError: model:zw_2jt: expected ... did you mean model:zw_2jet?
    """
    path = os.fspath(path)
    if not path.startswith("model:"):
        return path
    name, known = path.removeprefix("model:"), model_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f", did you mean model:{near[0]}?" if near else ""
        raise InputError(f"{path}: expected the name of a shipped model, one of {', '.join(known)}{hint}")
    return str(MODELS / name)


def fingerprint(path: str) -> str:
    """A hash of a file's size, ends and middle: enough to tell files apart, fast for any size."""
    size = os.path.getsize(path)
    digest = hashlib.sha256(str(size).encode())
    with open(path, "rb") as file:
        for position in (0, size // 2, max(0, size - 2**20)):
            file.seek(position)
            digest.update(file.read(2**20))
    return digest.hexdigest()[:16]
