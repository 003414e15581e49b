"""One toy of benchmarks/laser.py: its points, and what all rows are made with, trained once and kept on disk."""

import pickle
import time
from functools import cached_property, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxunfold.bijections import mixture as mixtures
from jaxunfold.data.rings import TOYS, sample
from jaxunfold.refinement.flow import flow
from jaxunfold.refinement.generator import Sample, draw, unconditional
from jaxunfold.refinement.latent import push
from jaxunfold.refinement.weights import LogWeight, Options, learn_weight
from jaxunfold.training.epochs import run_epochs


class Sizes:
    """Numbers of points, draws and epochs; --quick shrinks them to a minute."""

    def __init__(self, quick: bool):
        self.points, self.draws, self.few = (8000, 20_000, 4000) if quick else (480_000, 2_000_000, 200_000)
        self.epochs = {
            "baseline": 20,
            "weights": 15,
            "gan": 12,
            "matching": 20,
            "refiner": 10,
            "spline": 10,
            "mixture": 10,
        }
        self.chains, self.batch = (100, 500) if quick else (20_000, 2000)
        if quick:
            self.epochs = dict.fromkeys(self.epochs, 1)


class Parts:
    """One toy and one seed; each part is made once, on first use."""

    def __init__(self, toy: str, seed: int, out: Path, quick: bool):
        self.name, self.toy, self.seed, self.sizes = toy, TOYS[toy], seed, Sizes(quick)
        self.folder = out / f"{toy}-{seed}{'-quick' if quick else ''}"
        self.folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([seed, *map(ord, toy)])
        self.true = sample(rng, self.toy, self.sizes.points)
        self.test, self.other = (sample(rng, self.toy, self.sizes.draws) for _ in range(2))
        self.mean, self.width = self.true.mean(0), self.true.std(0)
        self.x = jnp.asarray((self.true - self.mean) / self.width)

    def key(self, name: str):
        return jax.random.fold_in(jax.random.key(self.seed), sum(map(ord, name)))

    def kept(self, name: str, make):
        """What ``make`` gives, from the disk where it is there already; with the CPU seconds it took."""
        path = self.folder / f"{name}.pkl"
        if not path.exists():
            begin = time.process_time()
            found = jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, make())
            path.write_bytes(pickle.dumps((found, time.process_time() - begin)))
            print(f"{self.folder.name} {name}: {time.process_time() - begin:.0f} CPU s", flush=True)
        found, seconds = pickle.loads(path.read_bytes())
        return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, found), seconds

    def trained(self, name: str, generator, data: Sample, epochs: int):
        """State of a generator's training."""

        def make():
            init_key, key = jax.random.split(self.key(name))
            return run_epochs(
                key, generator.init(init_key), generator.step, data, batch_size=self.sizes.batch, epochs=epochs
            )[0]

        return self.kept(name, make)[0]

    def optimizer(self, peak: float, epochs: int, **options):
        steps = epochs * (self.sizes.points // self.sizes.batch)
        return optax.adam(optax.cosine_onecycle_schedule(steps, peak, pct_start=0.2), **options)

    def fit_flow(self, name: str, peak=2e-3, base=None, **options):
        """(generator, state) of a flow on the toy."""
        epochs = self.sizes.epochs[name]
        found = flow(2, self.optimizer(peak, epochs), base=base, ema=0.998, normalise="none", **options)
        return found, self.trained(name, found, unconditional(self.x), epochs)

    @cached_property
    def baseline(self):
        size = {"blocks": 20, "hidden": 60} if self.name == "rings" else {"blocks": 12, "hidden": 48}
        return self.fit_flow("baseline", layer="realnvp", layers=3, activation="leaky_relu", decay=1e-5, **size)

    @cached_property
    def mixture(self):
        """Gaussian mixture of the points: 4 components for the Gaussians, 16 for each ring."""
        num = 4 if self.name == "gaussians" else 16 * len(self.toy.centres)

        def make():
            tries = [
                jax.jit(partial(mixtures.fit, num=num, steps=150))(key, self.x[:40_000])
                for key in jax.random.split(self.key("em"), 3)
            ]
            return max(tries, key=lambda found: found[1][-1])[0]

        return self.kept("em", make)[0]

    def generate(self, z):
        generator, state = self.baseline
        return generator.generate(state, z, np.zeros(0, np.float32))

    @cached_property
    def log_weight(self) -> LogWeight:
        generator, state = self.baseline
        options = Options(
            epochs=self.sizes.epochs["weights"],
            hidden=(96, 96, 96),
            batch_size=2 * self.sizes.batch,
            frequencies=8,
        )
        draw_key, key = jax.random.split(self.key("weights"))

        def make():
            made = jax.jit(partial(draw, generator, num=self.sizes.points))(state, draw_key)[1]
            return learn_weight(key, self.x, made, options)

        return self.kept("weights", make)[0]

    @cached_property
    def weighted_latents(self):
        """Fresh latents, as many as points, and the log of their weights."""
        z = jax.random.normal(self.key("latents"), (self.sizes.points, 2))
        log_weight = self.log_weight
        return z, jax.jit(lambda z: log_weight(push(self.generate, z)))(z)
