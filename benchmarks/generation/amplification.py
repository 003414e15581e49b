"""Amplification on the camel-back function: arXiv:2008.06545, section 2, and arXiv:2008.08558, Fig. 1.

    python -m benchmarks.generation.amplification --out runs/amplification --seeds 10

Every seed draws 100 events of two Gaussians, 0.5 N(-0.5, 0.25) + 0.5 N(0.5, 0.25). What they are worth is measured in
20 quantiles of the truth: themselves, the maximum likelihood of the five parameters, a flow and a GAN trained on them
against the number generated. One is worth (19 / error^2) true events; over 100 is its amplification.
"""

import json

import jax
import numpy as np
import optax
from scipy.optimize import minimize
from scipy.stats import norm

from benchmarks import command
from jaxunfold.methods import METHODS
from jaxunfold.metrics.amplification import equivalent_events, error_of_fractions, quantile_error
from jaxunfold.report import style
from jaxunfold.training import steps
from jaxunfold.types import Reco, Spec

TRAINED_ON, PARTS = 100, 20
NUMBERS = (100, 300, 1000, 3000, 10_000, 100_000, 1_000_000)
TRUE = (-0.5, 0.5, 0.25, 0.25, 0.5)
GRID = np.linspace(-4, 4, 200_001)
SPEC = Spec(2, 0, ("x", "u"))


def cdf(x, parameters=TRUE):
    """Of two Gaussians (mean, mean, width, width, share of the first)."""
    a, b, s, t, share = parameters
    return share * norm.cdf(x, a, s) + (1 - share) * norm.cdf(x, b, t)


EDGES = np.interp(np.arange(1, PARTS) / PARTS, cdf(GRID), GRID)


def draw(rng, num):
    first = rng.uniform(size=num) < TRUE[4]
    return np.where(first, rng.normal(TRUE[0], TRUE[2], num), rng.normal(TRUE[1], TRUE[3], num))


def fitted(x):
    """Maximum likelihood of the five parameters, from the truth's."""

    def loss(v):
        s, t, share = np.exp(v[2]), np.exp(v[3]), 1 / (1 + np.exp(-v[4]))
        density = share * norm.pdf(x, v[0], s) + (1 - share) * norm.pdf(x, v[1], t)
        return -np.sum(np.log(density + 1e-300))

    v = minimize(loss, [TRUE[0], TRUE[1], np.log(TRUE[2]), np.log(TRUE[3]), 0.0]).x
    return v[0], v[1], np.exp(v[2]), np.exp(v[3]), 1 / (1 + np.exp(-v[4]))


def flow(num_steps):
    """A small spline flow, stopped early: it would learn every one of 100 events by heart."""
    options = {"layer": "spline", "blocks": 2, "bins": 6, "bound": 4.0, "hidden": 8, "layers": 1}
    optimizer = optax.adamw(optax.cosine_decay_schedule(5e-3, num_steps), weight_decay=1e-2)
    return METHODS["cinn"](SPEC, optimizer, flow=options, condition={"output": 1}, ema=0.98)


def gan(num_steps):
    net = {"hidden": 32, "layers": 3}
    return METHODS["fcgan"](
        Spec(1, 0, ("x",)), optax.adam(1e-3, b1=0.5), generator=net, critic=net, noise=4,
        penalty={"kind": "wrong_side", "weight": 0.3}, ema=0.998,
    )  # fmt: skip


def trainer(method, dim, num_steps):
    """(x [n], key) -> a million generated events, compiled once for all seeds."""

    def make(x, noise, key):
        data = steps.unconditional(np.zeros((1, 1)))._replace(
            truth=jax.numpy.column_stack([x, noise])[:, :dim], weight=jax.numpy.ones(len(x)),
            reco=Reco(jax.numpy.zeros((len(x), 0))),
        )  # fmt: skip
        state = method.init(key, data)
        state, _ = steps.run(method.step, state, steps.rows_of(data, 64), jax.random.fold_in(key, 1), num_steps)
        one = Reco(jax.numpy.zeros((1, 0)))

        def piece(key):
            return method.unfold(key, state, one, max(NUMBERS) // 20).samples[0, :, 0]

        return jax.lax.map(piece, jax.random.split(jax.random.fold_in(key, 2), 20)).reshape(-1)

    return jax.jit(make)


def figure(errors, path):
    """Quantile error against the number generated, mean over seeds and its spread."""
    with style.context():
        plot = style.new_figure(6.5, 4.5)
        ax = plot.subplots()
        numbers = np.array(NUMBERS)
        ax.plot(numbers, np.sqrt((PARTS - 1) / numbers), color=style.TRUTH, ls=":", label="true events")
        for name, colour in (("flow", style.UNFOLDED), ("GAN", style.SERIES[2])):
            e = np.array(errors[name])
            rms = np.sqrt(np.mean(e**2, 0))
            ax.plot(numbers, rms, "o-", color=colour, label=name)
            ax.fill_between(numbers, *np.quantile(e, [0.16, 0.84], axis=0), color=colour, alpha=0.2, lw=0)
        for name, colour in (("sample", style.RECO), ("fit", style.SERIES[3])):
            ax.axhline(
                np.sqrt(np.mean(np.square(errors[name]))), color=colour, ls="--", label=f"{name} of 100 events"
            )
        ax.set(xscale="log", yscale="log", xlabel="events generated", ylabel=f"error of {PARTS} quantiles")
        ax.legend()
        plot.savefig(path, dpi=110)


def carry_out(args, out):
    trainers = {
        "flow": trainer(flow(args.flow_steps), 2, args.flow_steps),
        "GAN": trainer(gan(args.gan_steps), 1, args.gan_steps),
    }
    errors = {"sample": [], "fit": [], "flow": [], "GAN": []}
    for seed in range(args.seeds):
        rng = np.random.default_rng(seed)
        x, noise = draw(rng, TRAINED_ON), rng.normal(size=TRAINED_ON)
        errors["sample"].append(quantile_error(x, EDGES))
        inside = np.concatenate([[0.0], cdf(EDGES, fitted(x)), [1.0]])
        errors["fit"].append(error_of_fractions(np.diff(inside)))
        for name, make in trainers.items():
            made = np.asarray(make(x.astype(np.float32), noise.astype(np.float32), jax.random.key(seed)), np.float64)
            errors[name].append([quantile_error(made[:num], EDGES) for num in NUMBERS])
        worth = {
            name: equivalent_events(
                float(np.sqrt(np.mean(np.square(np.array(e).reshape(seed + 1, -1)[:, -1])))), PARTS
            )
            for name, e in errors.items()
        }
        print(seed + 1, {name: round(value) for name, value in worth.items()}, flush=True)
        (out / "amplification.json").write_text(json.dumps({"worth": worth, "numbers": NUMBERS, **errors}))
    figure(errors, out / "amplification.png")


def main():
    parser = command.parser(__doc__, "runs/amplification", seeds=10)
    parser.add_argument("--flow-steps", type=int, default=150)
    parser.add_argument("--gan-steps", type=int, default=3000)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
