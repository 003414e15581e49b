"""Closure of the iterated conditional INN: pulls of unfolded bins with background, fakes and efficiency.

python benchmarks/closure.py [--experiments 20] [--replicas 4] [--iterations 3]

Each pseudo-experiment has a measured sample of its own and a simulation of its own, four times as large and with
another truth. Fakes and background are subtracted with negative weights, the efficiency is learned. The uncertainty
of a bin is the width over bootstrap replicas, in which every event of data and simulation counts a Poisson number
of times and every network is trained anew; its square is averaged over pseudo-experiments, since few replicas of
each would widen the pulls. Leaves benchmarks/closure/iterated.json.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from jaxunfold.data.toys import Toy, simulate
from jaxunfold.methods import METHODS, corrections, iterated
from jaxunfold.training.optimizer import make_optimizer
from jaxunfold.types import Batch, Reco, Spec

NATURE, SIMULATED = Toy(), Toy(mean=0.2, width=0.9)
TRUTH_EVENTS, RATIO, DRAWS, FIRST_STEPS = 3000, 4, 8, 700
EDGES = np.array([-1.8, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2, 1.8])
# a coupling needs a second component: one that is normal and not measured
SPEC = Spec(2, 1, ("t", "other"))
MODEL = {
    "flow": {"coupling": "spline", "blocks": 2, "bins": 6, "bound": 5.0, "hidden": 24, "layers": 1},
    "condition": {"kind": "dense", "layers": 1, "units": 24, "output": 8},
    "activation": "silu",
    "ema": 0.97,
}
OPTIONS = iterated.Options(
    draws=1, steps=250, batch_size=256, learning_rate=3e-3, hidden=(24,), epochs=5, classifier_rate=5e-3, held_out=0.1
)
FLAGS = corrections.Options(hidden=(16,), epochs=5, learning_rate=5e-3)


def padded(values: np.ndarray, size: int) -> np.ndarray:
    """Zeros at the end up to a common size."""
    return np.concatenate([values, np.zeros((size - len(values), *values.shape[1:]))]).astype(np.float32)


def experiment(seed: int) -> tuple[Batch, Reco]:
    """(simulation, measured sample with fakes and background of the simulation subtracted), of fixed sizes."""
    rng = np.random.default_rng(seed)
    sim, data = simulate(rng, RATIO * TRUTH_EVENTS, SIMULATED), simulate(rng, TRUTH_EVENTS, NATURE)
    fakes = sim.reco[~sim.pass_truth]
    reco = np.concatenate([data.measured, fakes, sim.background])
    weight = np.concatenate([np.ones(len(data.measured)), np.full(len(reco) - len(data.measured), -1.0 / RATIO)])
    rows, inside = round((2.6 + RATIO) * TRUTH_EVENTS * 0.8), sim.pass_truth
    size = round(1.05 * RATIO * TRUTH_EVENTS)
    truth = np.stack([sim.truth[inside], rng.normal(size=inside.sum())], axis=1)
    seen = padded(sim.pass_reco[inside], size) > 0
    features = padded(np.nan_to_num(sim.reco[inside])[:, None], size)
    batch = Batch(padded(truth, size), Reco(features), padded(np.ones(inside.sum()), size), None, seen)
    return batch, Reco(padded(reco[:, None], rows), weight=padded(weight, rows))


def unfold(key, sim: Batch, data: Reco, iterations: int):
    """Unfolded events in every bin: [iterations, bins]. One program, for one replica."""
    first = METHODS["cinn"](SPEC, make_optimizer(5e-3, FIRST_STEPS, clip_norm=5.0), **MODEL)
    again = METHODS["cinn"](SPEC, make_optimizer(OPTIONS.learning_rate, OPTIONS.steps, clip_norm=5.0), **MODEL)
    parts = iterated.make_iteration(again, 1, OPTIONS)
    init_key, train_key, flag_key, *keys = jax.random.split(key, 3 + iterations)
    seen = iterated.both(sim)

    def body(state, key):
        rows = jax.random.randint(key, (OPTIONS.batch_size,), 0, len(sim.weight))
        return first.step(state, jax.tree.map(lambda a: a[rows], seen), key)[0], None

    state = jax.lax.scan(body, first.init(init_key, sim), jax.random.split(train_key, FIRST_STEPS))[0]
    carry, found = parts.start(init_key, state), []
    x = sim.truth[:, :1]
    learned = corrections.learn(flag_key, x, seen.weight, sim.weight * ~sim.pass_reco, FLAGS)
    for n, key in enumerate(keys):
        draw_key, key = jax.random.split(key)
        samples = parts.draw(draw_key, carry.base, data, DRAWS)[..., 0]
        efficiency = corrections.probability(learned, samples.reshape(-1, 1), FLAGS).reshape(samples.shape)
        counts = corrections.yields(data.weight, 1.0, efficiency)
        found.append(jnp.histogram(samples, jnp.asarray(EDGES), weights=counts)[0])
        if n + 1 < iterations:
            carry, _ = parts.advance(key, carry, sim, x, data, data.weight, lambda truth, reco: truth[:, :1])
    return jnp.stack(found)


def replicas(seed: int, count: int):
    """Keys, simulations and data of the nominal result and its bootstrap replicas, stacked."""
    sim, data = experiment(seed)
    rng = np.random.default_rng((seed, 1))

    def counts(weight):
        each = rng.poisson(1.0, (count, len(weight)))
        return (weight * np.concatenate([np.ones((1, len(weight))), each])).astype(np.float32)

    return jax.random.split(jax.random.key(seed), count + 1), counts(sim.weight), counts(data.weight), sim, data


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=20)
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=3)
    args = parser.parse_args()

    @jax.jit
    def run(keys, sim_weight, data_weight, sim, data):
        one = partial(unfold, iterations=args.iterations)
        each = lambda key, v, w: one(key, sim._replace(weight=v), data._replace(weight=w))  # noqa: E731
        return jax.vmap(each)(keys, sim_weight, data_weight)

    begin, found = time.monotonic(), []
    for seed in range(args.experiments):
        found.append(np.asarray(run(*replicas(seed, args.replicas))))
        print(f"{seed + 1}/{args.experiments}: {time.monotonic() - begin:.0f} s", flush=True)
    found = np.stack(found)  # [experiments, replicas + 1, iterations, bins]
    expected = TRUTH_EVENTS * np.diff(norm.cdf(EDGES, NATURE.mean, NATURE.width))
    width = np.sqrt(np.mean(np.var(found[:, 1:], axis=1, ddof=1), axis=0))
    pulls = (found[:, 0] - expected) / width
    result = {
        "experiments": args.experiments, "replicas": args.replicas, "truth_events": TRUTH_EVENTS,
        "edges": EDGES.tolist(), "expected": expected.tolist(), "seconds": time.monotonic() - begin,
        "iterations": [
            {
                "pull_mean": float(p.mean()), "pull_width": float(p.std(axis=0, ddof=1).mean()),
                "pull_mean_of_bins": p.mean(axis=0).tolist(), "pull_width_of_bins": p.std(axis=0, ddof=1).tolist(),
                "unfolded": found[:, 0, i].mean(axis=0).tolist(), "uncertainty": width[i].tolist(),
            }
            for i, p in enumerate(pulls.swapaxes(0, 1))
        ],
    }  # fmt: skip
    for i, entry in enumerate(result["iterations"]):
        print(f"iteration {i + 1}: pull mean {entry['pull_mean']:+.3f}, width {entry['pull_width']:.3f}")
        print("  mean", np.round(entry["pull_mean_of_bins"], 2), "width", np.round(entry["pull_width_of_bins"], 2))
        print("  unfolded", np.round(entry["unfolded"]), "expected", np.round(expected))
    out = Path(__file__).parent / "closure"
    out.mkdir(exist_ok=True)
    (out / "iterated.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
