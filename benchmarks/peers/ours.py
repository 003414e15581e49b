"""jaxunfold as its commands run it: many training steps to a dispatch, ``run.log_prob`` and ``run.unfold``.

So its times contain the scaling of truth and features and the copies to and from numpy, which the peers' do not.
"""

import functools
import tempfile
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from benchmarks.peers import Peer
from benchmarks.peers.architecture import Architecture
from benchmarks.peers.jax_flow import gemm
from jaxunfold import compilation, saved, train
from jaxunfold import config as configs
from jaxunfold.data.events import Events, write
from jaxunfold.networks import count
from jaxunfold.run import Run
from jaxunfold.training import dispatch, feed, placement

ROOT = Path(__file__).parents[2]
ROWS = 16384


def normal_columns(a: Architecture, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth [n, d] and features [n, r] of a table of normal columns."""
    rng = np.random.default_rng(seed)
    truth, reco = (rng.normal(size=(ROWS, size)).astype(np.float32) for size in (a.dim, a.features))
    return truth, reco


def run_of(
    a: Architecture, truth: np.ndarray, reco: np.ndarray, rate: float = 1e-4, keep: int = 16
) -> tuple[Run, object]:
    """A run without a state on a table, and its training source.

    rate: of Adam. keep: Rows for validation, and for the test, that the source does not have.
    """
    names = {"truth_names": [f"x{i}" for i in range(a.dim)], "reco_names": [f"r{i}" for i in range(a.features)]}
    flow = {"layer": "affine", "blocks": a.blocks, "hidden": a.hidden, "layers": a.layers}
    flow |= {"layer": "spline", "bins": a.bins, "bound": a.bound} if a.bins else {"clamp": 2.0}
    condition = {"kind": "dense", "layers": a.cond_layers, "units": a.cond_units, "output": a.cond_size}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "normal.h5"
        write(path, Events(reco, truth, **{key: tuple(value) for key, value in names.items()}))
        config = configs.load(str(ROOT / "configs" / "table.py"), [])
        with config.unlocked():
            config.data.update({"path": str(path), "valid": keep, "test": keep})
            config.preprocess.scaling = "standard"
            config.model.flow, config.model.condition, config.model.ema = ConfigDict(flow), ConfigDict(condition), 0.0
            config.optimizer = ConfigDict({"kind": "adam", "learning_rate": rate, "schedule": "constant"})
        run, source, _, _ = train.prepare(config, str(path))
    return run, source


def started(run: Run, source, key):
    """The state that a training begins with, compiled as ``training.stage`` does."""
    init = jax.jit(run.method.init, compiler_options=compilation.options(compilation.ONCE))
    return init(key, feed.head(source, 64))


def build(a: Architecture, seed: int, compiled: bool) -> Peer:
    """The flow, at random weights."""
    key, mesh = jax.random.key(seed), placement.make_mesh(jax.local_devices())
    rng = np.random.default_rng(seed + 1)

    def columns(n, size):
        return rng.normal(size=(n, size)).astype(np.float32)

    run, source = run_of(a, *normal_columns(a, seed))
    source = feed.as_source(source)
    shapes = jax.eval_shape(run.method.init, key, feed.head(source, 64))

    @functools.cache
    def random():
        """(run at random weights, its source), which ``fit`` has no use for."""
        return Run(**{**vars(run), "state": started(run, source, key)}), source

    def training(batch, steps):
        run, source = random()
        plan = dispatch.Plan(batch, ROWS // batch // steps * steps, steps)
        data = feed.whole(source, mesh), placement.place(source.epoch_order(0, 0), placement.replicated(mesh))
        program = dispatch.make_dispatch(run.method.step, plan, mesh, True)
        state = [placement.place(placement.copy(run.state), placement.replicated(mesh))]

        def task():
            state[0], metrics = program(state[0], data, 0, 0, key)
            return float(metrics["loss"][-1])

        return task

    def of_density(n, chunk):
        run, truth, reco = random()[0], columns(n, a.dim), columns(n, a.features)
        return lambda: float(np.mean(run.log_prob(truth, reco)))

    def of_draws(n, draws, chunk):
        run, reco = random()[0], columns(n, a.features)
        return lambda: float(np.mean(run.unfold(key, reco, draws).samples))

    def fit(truth, features, batch, rate):
        run, source = run_of(a, truth, features, rate)
        source = feed.as_source(source)
        plan = dispatch.make_plan(source.num_events, batch, 1)
        program = dispatch.make_dispatch(run.method.step, plan, mesh, True)
        state = [started(run, source, key), 0]
        turns = feed.dispatches(source, seed, plan, 1, mesh, 0)

        def advance(steps):
            for _ in range(steps):
                start, data = next(turns)
                now, metrics = program(state[0], data, start, state[1], key)
                state[:] = now, state[1] + 1
            return float(metrics["loss"][-1])

        def draw_once(features):
            ready = Run(**{**vars(run), "state": state[0]})
            return ready.unfold(key, features, 1).samples[:, 0]

        return advance, draw_once

    return Peer(count(shapes.params), training, of_density, of_draws, chunks=False, gemm=gemm, fit=fit)


def save(a: Architecture, folder: Path) -> None:
    """A run at random weights in its folder, as a training leaves it."""
    run, source = run_of(a, *normal_columns(a, 0))
    saved.save_setup(folder, run)
    saved.save_state(folder, started(run, feed.as_source(source), jax.random.key(0)))


def first(a: Architecture, folder: Path):
    """What a user does to draw from a trained run."""
    run = saved.load(folder)
    return run.unfold(jax.random.key(0), np.zeros((1, a.features), np.float32), 60)
