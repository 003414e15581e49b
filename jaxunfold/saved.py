"""A run in its folder: what is known before training, the trained state, what the training covered; and back."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold import config as configs
from jaxunfold import problem as problems
from jaxunfold.data import batches, preprocess
from jaxunfold.data import support as supports
from jaxunfold.data.location import run_folder
from jaxunfold.errors import InputError
from jaxunfold.run import Run, assemble
from jaxunfold.training import checkpoint
from jaxunfold.types import Batch, Reco

RESULT = "result"
"""The checkpoint that holds the trained state."""


def save_setup(workdir: str | os.PathLike, run: Run) -> None:
    """Write what is known before training: config.json, preprocessing.npz and, last, problem.json.

    Each is there whole or not at all: a restart after a kill must be able to read them.
    """
    folder = Path(workdir)
    _write_text(folder / "config.json", configs.to_json(run.config))
    with open(folder / "preprocessing.npz.tmp", "wb") as file:
        np.savez(file, **preprocess.to_arrays(run.fitted))
    os.replace(folder / "preprocessing.npz.tmp", folder / "preprocessing.npz")
    record = {"problem": run.problem._asdict(), "about": run.about}
    _write_text(folder / "problem.json", json.dumps(record, indent=2))


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


def load_setup(workdir: str | os.PathLike) -> Run:
    """The run of a workdir without its trained state.

    Raises: InputError if the folder holds no run.
    """
    folder = Path(workdir)
    for name in ("config.json", "problem.json", "preprocessing.npz"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: expected a run with {name}, found none")
    config = configs.from_json((folder / "config.json").read_text())
    try:
        record = json.loads((folder / "problem.json").read_text())
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in record["problem"].items()}
        with np.load(folder / "preprocessing.npz", allow_pickle=False) as file:
            fitted = preprocess.from_arrays({name: file[name] for name in file.files})
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"{folder}: problem.json or preprocessing.npz cannot be read ({error})") from error
    return assemble(config, problems.Problem(**fields), fitted, about=record["about"])


def save_state(workdir: str | os.PathLike, state: Any) -> None:
    """Write the trained state as the checkpoint ``result``."""
    checkpoint.save(str(Path(workdir) / "checkpoints"), RESULT, 0, state, {})


def save_support(workdir: str | os.PathLike, found: supports.Support) -> None:
    """Write what the training's measured events cover as support.npz."""
    path = Path(workdir) / "support.npz"
    with open(path.with_suffix(".npz.tmp"), "wb") as file:
        np.savez_compressed(file, **supports.to_arrays(found))
    os.replace(path.with_suffix(".npz.tmp"), path)


def load_support(workdir: str | os.PathLike) -> supports.Support | None:
    """The support of a run, None where it has no record of one. Raises: InputError for a damaged file."""
    path = Path(workdir) / "support.npz"
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            return supports.from_arrays({name: file[name] for name in file.files})
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def load(workdir: str | os.PathLike) -> Run:
    """A trained run from its folder; "model:zw_2jet" is one that ships with the package.

    Raises: InputError if the folder holds no run, an unfinished one, or a state of another config.
    """
    workdir = run_folder(workdir)
    run = load_setup(workdir)
    d, r = len(run.pipeline.coordinates.names), len(preprocess.feature_names(run.pipeline))
    # a method that keeps the simulation has as many rows in its state as it was fitted on, and all they held
    n, holds = run.about.get("rows", 2), run.about.get("holds")
    m, f = problems.sizes_of_objects(run.problem, run.pipeline)

    def batch():
        sets = {"mask": jnp.ones((n, m), bool), "objects": jnp.zeros((n, m, f))} if m else {}
        return Batch(jnp.zeros((n, d)), Reco(jnp.zeros((n, r)), **sets), jnp.ones(n))

    example = jax.eval_shape(batch) if holds is None else batches.blank(holds, n)
    template = jax.eval_shape(run.method.init, jax.random.key(0), example)
    found = checkpoint.restore(str(Path(workdir) / "checkpoints"), RESULT, template)
    if found is None:
        raise InputError(f"{workdir}: the training is not finished; start it again and it goes on")
    state = jax.device_put(found.tree)
    return dataclasses.replace(run, state=state, support=load_support(workdir))
