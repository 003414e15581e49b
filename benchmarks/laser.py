"""Table 4.3 of the thesis: four Gaussians, a double donut and three rings, with and without latent space refinement.

python benchmarks/laser.py --toys gaussians,donut,rings --seeds 0 [--rows ...] [--out runs/laser] [--quick]
python benchmarks/laser.py --table

Each training is kept in OUT/TOY-SEED and not repeated; every row leaves its scores in
benchmarks/results/laser/TOY-SEED.json (beside them with --quick), and the figures go to OUT. Needs the extra
``laser``.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from laser_page import draw_figure, table
from laser_parts import Parts

from jaxunfold.data.rings import TOYS
from jaxunfold.metrics.chains import effective_sample_size
from jaxunfold.metrics.plane import scores
from jaxunfold.refinement.flow import flow
from jaxunfold.refinement.gan import gan
from jaxunfold.refinement.generator import draw, mixture, unconditional
from jaxunfold.refinement.hmc import TUNED_CHAINS, hmc, steps_of, tune, tuned_hmc
from jaxunfold.refinement.langevin import langevin
from jaxunfold.refinement.latent import push, refined_log_density
from jaxunfold.refinement.matching import matching
from jaxunfold.refinement.nuts import blackjax_chains
from jaxunfold.refinement.rejection import reject, resample

RESULTS = Path(__file__).parent / "results" / "laser"


class Experiment(Parts):
    """The rows of one toy and one seed."""

    def refined(self, name: str, refiner, epochs: int):
        """Events of a refiner trained on the weighted latents: (latents, events)."""
        z, log_w = self.weighted_latents
        state = self.trained(
            name, refiner, unconditional(z, jnp.exp(log_w - jax.nn.logsumexp(log_w) + np.log(len(log_w)))), epochs
        )

        def make(state, key):
            latents = draw(refiner, state, key, self.sizes.draws)[1]
            return latents, push(self.generate, latents)

        return (*jax.jit(make)(state, self.key(name + "draws")), None, {})

    def chains(self, name: str, sampler, chains: int):
        """Events of a Markov chain from resampled baseline draws: (latents, events), effective draws a second."""
        log_density = refined_log_density(self.generate, self.log_weight)
        z, log_w = self.weighted_latents
        start = z[resample(self.key(name + "start"), log_w, chains)]
        run = jax.jit(partial(sampler, log_density)).lower(self.key(name), start).compile()
        begin = time.process_time()
        found = jax.block_until_ready(run(self.key(name), start))
        seconds = time.process_time() - begin
        ess = min(effective_sample_size(np.asarray(found.draws[..., i])) for i in range(2))
        latents = found.draws.reshape(-1, 2)
        info = {"acceptance": float(jnp.mean(found.acceptance)), "ess": ess, "cpu_seconds": seconds}
        if found.step_size is not None:
            info["step_size"] = float(found.step_size)
        return latents, jax.jit(partial(push, self.generate))(latents), None, info

    def plain(self, generator, state, name: str, num: int):
        """Draws of a generator: (latents, events, no weights)."""
        return (*jax.jit(partial(draw, generator, num=num))(state, self.key(name)), None, {})

    # one function a row: (latents or None, events, log-weights or None, info)
    def truth(self):
        return None, (self.other - self.mean) / self.width, None, {}

    def baseline_row(self):
        return self.plain(*self.baseline, "test", self.sizes.draws)

    def truth_few(self):
        return None, (self.other[: self.sizes.few] - self.mean) / self.width, None, {}

    def baseline_few(self):
        return self.plain(*self.baseline, "few", self.sizes.few)

    def dctr(self):
        z, x, _, _ = self.baseline_row()
        found = self.log_weight
        log_w = jax.jit(lambda x: jax.lax.map(found, x, batch_size=16384))(x)
        return z, x, log_w, {"ess_of_weights": found.health.ess, "loss": found.loss}

    def laser(self):
        epochs = self.sizes.epochs["gan"]
        steps = epochs * (self.sizes.points // self.sizes.batch)
        rate = optax.cosine_decay_schedule(1e-3, steps, 0.01)
        refiner = gan(
            2, optax.adam(rate, b1=0.5, b2=0.9), critic_optimizer=optax.adam(rate, b1=0.5, b2=0.99), latent_dim=4,
            hidden=(64, 64, 64), critic_hidden=(96, 96, 96), activation="silu", penalty=0.001, ema=0.999,
            residual=True, frequencies=8,
        )  # fmt: skip
        return self.refined("gan", refiner, epochs)

    def laser_matching(self):
        epochs = self.sizes.epochs["matching"]
        options = {"hidden": 64, "layers": 4, "solver": {"kind": "heun", "steps": 20}}
        return self.refined("refiner", matching(2, self.optimizer(2e-3, epochs), ema=0.999, **options), epochs)

    def laser_flow(self):
        """The other refiner that the thesis names: a flow, here of splines, which starts as the identity."""
        epochs = self.sizes.epochs["refiner"]
        options = {"layer": "spline", "blocks": 6, "hidden": 48, "layers": 2, "bins": 16, "bound": 4.0}
        refiner = flow(2, self.optimizer(2e-3, epochs), ema=0.998, normalise="none", **options)
        return self.refined("flow", refiner, epochs)

    def rejection(self):
        """Baseline draws until as many are kept as every other row has."""
        log_weight = self.log_weight
        make = jax.jit(lambda key: self.weighed(log_weight, key))
        bound = float(jnp.quantile(make(self.key("bound"))[2], 0.9999))
        kept, count, efficiency, clipped = [], 0, [], []
        while count < self.sizes.draws:
            key = jax.random.fold_in(self.key("rejection"), len(kept))
            z, x, log_w = make(key)
            found = reject(jax.random.fold_in(key, 1), log_w, bound)
            kept.append((np.asarray(z)[found.keep], np.asarray(x)[found.keep]))
            count += len(kept[-1][0])
            efficiency.append(float(found.efficiency))
            clipped.append(float(found.clipped))
        z, x = (np.concatenate(part)[: self.sizes.draws] for part in zip(*kept))
        return z, x, None, {"efficiency": np.mean(efficiency).item(), "clipped": np.mean(clipped).item()}

    def weighed(self, log_weight, key):
        """A tenth of the draws of the baseline: (latents, events, log-weights)."""
        generator, state = self.baseline
        z, x = draw(generator, state, key, self.sizes.draws // 10)
        return z, x, jax.lax.map(log_weight, x, batch_size=min(16384, len(x)))

    def hmc_long(self):
        each = self.sizes.draws // self.sizes.chains
        return self.chains("hmc", partial(tuned_hmc, num_draws=each, thin=2), self.sizes.chains)

    def short_chains(self, num: int):
        """One chain a draw: the fourth transition on from a latent resampled out of four fresh ones."""
        log_density, log_weight = refined_log_density(self.generate, self.log_weight), self.log_weight
        z, log_w = self.weighted_latents
        start = z[resample(self.key("hmc start"), log_w, TUNED_CHAINS)]
        begin = time.process_time()
        step = jax.jit(partial(tune, log_density, length=1.5))(self.key("tune"), start)
        options = {"step_size": step, "num_steps": steps_of(1.5, step, 50), "num_draws": 1, "burn_in": 3}

        @jax.jit
        def piece(key):
            draw_key, pick_key, key = jax.random.split(key, 3)
            z = jax.random.normal(draw_key, (4 * self.sizes.chains, 2))
            log_w = log_weight(push(self.generate, z))
            found = hmc(log_density, key, z[resample(pick_key, log_w, self.sizes.chains)], **options)
            return found.draws[0], push(self.generate, found.draws[0]), jnp.mean(found.acceptance)

        keys = jax.random.split(self.key("short"), num // self.sizes.chains)
        z, x, acceptance = (np.concatenate(part) for part in zip(*(map(np.atleast_1d, piece(key)) for key in keys)))
        info = {"acceptance": float(acceptance.mean()), "step_size": float(step)}
        return z, x, None, info | {"cpu_seconds": time.process_time() - begin}

    def hmc(self):
        return self.short_chains(self.sizes.draws)

    def hmc_few(self):
        return self.short_chains(self.sizes.few)

    def hmc_thesis(self):
        return self.chains("hmc_thesis", partial(hmc, num_draws=self.sizes.few // 100, burn_in=3000), 100)

    def nuts(self):
        # all chains wait for the deepest tree among them
        chains = min(1000, self.sizes.chains)
        each = self.sizes.few // chains
        return self.chains("nuts", partial(blackjax_chains, num_draws=each, burn_in=each // 5), chains)

    def langevin(self):
        each = self.sizes.few // self.sizes.chains
        # without the Metropolis test the slopes along the bridges throw chains out of the plane
        sampler = partial(langevin, step_size=0.01, burn_in=200, num_draws=each, thin=10, adjusted=True)
        return self.chains("langevin", sampler, self.sizes.chains)

    def spline(self):
        options = {"layer": "spline", "blocks": 6, "hidden": 64, "layers": 2, "bins": 16, "bound": 5.0}
        return self.plain(*self.fit_flow("spline", **options), "test", self.sizes.draws)

    def matching(self):
        epochs = 2 * self.sizes.epochs["matching"]
        found = matching(2, self.optimizer(2e-3, epochs), ema=0.999, hidden=64, layers=4)
        state = self.trained("matching", found, unconditional(self.x), epochs)
        return self.plain(found, state, "test", self.sizes.draws)

    def mixture_row(self):
        options = {"layer": "realnvp", "blocks": 6, "hidden": 48, "layers": 2, "activation": "leaky_relu"}
        found = self.fit_flow("mixture", base=mixture(self.mixture), **options)
        return self.plain(*found, "test", self.sizes.draws)

    def em(self):
        base = mixture(self.mixture)
        return None, jax.jit(jax.vmap(base.draw))(jax.random.split(self.key("test"), self.sizes.draws)), None, {}

    def row(self, name: str):
        return getattr(self, name if name not in ("baseline", "mixture") else name + "_row")()

    def score(self, name: str) -> dict:
        """The row's scores; its events are kept thinned, for the figure."""
        latents, x, log_w, info = self.row(name)
        weight = None if log_w is None else np.exp(np.asarray(log_w, np.float64) - float(jnp.max(log_w)))
        events = np.asarray(x) * self.width + self.mean
        found = scores(events, self.test, self.toy.reach, weight=weight)
        few = slice(None, None, max(1, len(events) // 400_000))
        np.savez(
            self.folder / f"draws_{name}.npz", x=events[few].astype(np.float32),
            z=np.zeros((0, 2)) if latents is None else np.asarray(latents)[few],
            weight=np.zeros(0) if weight is None else weight[few],
        )  # fmt: skip
        return found._asdict() | {"draws": len(events)} | {k: v for k, v in info.items()}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toys", default=",".join(TOYS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument(
        "--rows", default="truth,baseline,dctr,hmc,hmc_few,baseline_few,truth_few,laser,laser_matching"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/laser"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--again", action="store_true", help="also rows that have their scores")
    parser.add_argument("--table", action="store_true", help="print the table of what was measured")
    args = parser.parse_args()
    if args.table:
        print(table(RESULTS))
        return
    results = args.out / "quick" if args.quick else RESULTS
    results.mkdir(parents=True, exist_ok=True)
    for seed in (int(seed) for seed in args.seeds.split(",")):
        for toy in args.toys.split(","):
            experiment = Experiment(toy, seed, args.out, args.quick)
            path = results / f"{toy}-{seed}.json"
            for name in args.rows.split(","):
                rows = json.loads(path.read_text()) if path.exists() else {}
                if name in rows and not args.again:
                    continue
                begin = time.process_time()
                rows[name] = experiment.score(name)
                path.write_text(json.dumps(rows, indent=1) + "\n")
                print(f"{toy} {seed} {name}: {time.process_time() - begin:.0f} CPU s, {rows[name]}", flush=True)
            if seed == 0:
                draw_figure(toy, experiment.folder, experiment.test, args.out)


if __name__ == "__main__":
    main()
