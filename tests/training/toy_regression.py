"""What the tests of the loop train: a linear regression, also as a script that a test can kill."""

import sys
import zlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxunfold import training


class Sample(NamedTuple):
    x: object
    y: object
    weight: object


def sample(n: int, seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    y = (x @ np.array([1.0, -2.0, 3.0]) + 0.1 * rng.normal(size=n)).astype(np.float32)
    return Sample(x, y, rng.uniform(0.5, 1.5, size=n).astype(np.float32))


def loss(params, batch):
    error = batch.x @ params["w"] + params["b"] - batch.y
    return jnp.sum(batch.weight * error**2) / jnp.sum(batch.weight)


OPTIMIZER = training.make_optimizer(0.05, 1000, clip_norm=1.0)


def init(key, batch):
    params = {"w": 0.1 * jax.random.normal(key, batch.x.shape[1:]), "b": jnp.zeros(())}
    # The average starts as the very same arrays: a state that is donated as it is would be refused.
    return {"params": params, "ema": params, "opt": OPTIMIZER.init(params), "key": key, "count": jnp.int32(0)}


def step(state, batch, key):
    noisy = batch._replace(y=batch.y + 0.01 * jax.random.normal(key, batch.y.shape))
    value, grads = jax.value_and_grad(loss)(state["params"], noisy)
    updates, opt = OPTIMIZER.update(grads, state["opt"], state["params"])
    params = optax.apply_updates(state["params"], updates)
    ema = training.ema_update(state["ema"], params, 0.9, state["count"])
    new = {"params": params, "ema": ema, "opt": opt, "key": state["key"], "count": state["count"] + 1}
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(grads)))
    return new, {"loss": value, "grad_norm": norm}


def evaluate(state, batch, key):
    return {"loss": loss(state["params"], batch)}


def digest(state) -> int:
    """One number of all bits of a state."""
    leaves = jax.tree.leaves(state | {"key": jax.random.key_data(state["key"])})
    return zlib.crc32(b"".join(np.asarray(leaf).tobytes() for leaf in leaves))


def make_loop(workdir, callbacks=(), **options):
    options = {"batch_size": 50, "epochs": 10, "steps_per_dispatch": 5, "select": "best"} | options
    return training.make_loop(workdir, sample(1000), sample(300, 1), callbacks=callbacks, **options)


def main(workdir):
    """Train two stages with a checkpoint after every dispatch, told of on stdout; at last the digests."""

    def tell(event):
        print(event.stage, event.kind, event.step, flush=True)

    watch = (training.metrics_writer(f"{workdir}/metrics.jsonl"), training.early_stopping(8), tell)
    loop = make_loop(workdir, watch, checkpoint_every_seconds=0.0)
    states = [loop(stage, init, step, evaluate) for stage in ("first", "second")]
    print("digest", *[digest(state) for state in states])


if __name__ == "__main__":
    main(sys.argv[1])
