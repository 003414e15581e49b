"""Finished parts of a long computation, kept in a folder until the file that is made of them is there.

Each part is a file of its own, there whole or not at all, so that a command that was interrupted loses only what it
was at. The folder says whose parts it holds.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxunfold.errors import InputError


def folder_of(out: str | os.PathLike) -> Path:
    """Where the parts of a file wait."""
    out = Path(out)
    return out.with_name(out.name + ".parts")


def owner(folder: Path) -> str:
    """The name of the computation whose parts a folder holds; "" where there is none."""
    label = folder / "key"
    return label.read_text() if label.exists() else ""


def open_folder(folder: Path, name: str, resume: bool) -> list[int]:
    """The numbers of the parts already there, if they are to be used; else none, and an empty folder of this name.

    Raises: InputError if the parts to be used are another computation's, or the folder cannot be written.
    """
    try:
        if folder.exists() and resume:
            if owner(folder) != name:
                raise InputError(f"{folder}: expected the parts of this command, found another's: drop --resume")
            return sorted(int(file.stem) for file in folder.glob("*.npz"))
        # a folder that no label marks is not ours to remove
        if owner(folder):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "key").write_text(name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from error
    return []


def save(folder: Path, index: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a part whole or not at all. Raises: InputError where it cannot be written."""
    path = folder / f"{index:06d}.npz"
    temporary = path.with_suffix(".tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error


def load(folder: Path, index: int) -> dict[str, np.ndarray]:
    """A part that was saved."""
    with np.load(folder / f"{index:06d}.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
