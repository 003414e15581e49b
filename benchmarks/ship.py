"""Copy what unfolding needs of a trained run into the package, where "model:NAME" names it.

python benchmarks/ship.py runs/small zw_2jet
"""

import argparse
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold import saved
from jaxunfold.data.location import MODELS

FILES = ("config.json", "problem.json", "preprocessing.npz", "model_card.md")
TRAINING_ONLY = ("opt_state", "critic", "critic_opt_state")


def slim(state):
    """The state with its running mean as weights and zeros, which take no space, for what only a training needs."""
    empty = {
        name: jax.tree.map(jnp.zeros_like, getattr(state, name)) for name in TRAINING_ONLY if name in state._fields
    }
    return state._replace(params=state.ema, **empty)


def ship(workdir: Path, name: str) -> Path:
    """Write settings, slim state and support of a run into the package's folder of models."""
    out = MODELS / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for file in FILES:
        shutil.copy(workdir / file, out / file)
    saved.save_state(out, slim(saved.load(workdir).state))
    with np.load(workdir / "support.npz") as file:
        support = dict(file)
    # distances between whitened events need no more digits
    np.savez_compressed(out / "support.npz", **(support | {"reference": support["reference"].astype(np.float16)}))
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path)
    parser.add_argument("name")
    args = parser.parse_args()
    folder = ship(args.workdir, args.name)
    print(folder, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()), "bytes")
