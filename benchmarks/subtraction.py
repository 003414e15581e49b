"""Event subtraction on the toy of arXiv:2008.08558, Eqs. (13), (14): B = 1/x + 0.1, S = 1/x on [1, 200].

    python benchmarks/subtraction.py --out runs/subtraction --seeds 5

Every seed draws samples of its own, and what is left is compared with the constant it should be: difference of two
histograms, two-class GAN, flow with signed weights. An error is the root of the mean square of (found / 0.1 - 1) over
seeds and bins; it is what the error bands of the figure show bin by bin.
"""

import argparse
import json
import math
import time
from pathlib import Path

import jax
import numpy as np
import optax
from scipy.stats import norm

from jaxunfold.methods import METHODS
from jaxunfold.report import style
from jaxunfold.training import steps
from jaxunfold.training.duel import duel
from jaxunfold.types import Reco, Spec
from jaxunfold.unbinned import subtraction

LOW, HIGH, FLAT = 1.0, 200.0, 0.1
SIGMA_S = math.log(HIGH / LOW)
SIGMA_B = SIGMA_S + FLAT * (HIGH - LOW)
FRACTION = SIGMA_S / SIGMA_B
EVENTS, DRAWN, BINS = 50_000, 1_000_000, 20
EDGES = np.linspace(LOW, HIGH, BINS + 1)
GRID = np.geomspace(LOW, HIGH, 20001)
NET = {"hidden": 32, "layers": 2}


def base_cdf(x):
    """Of B."""
    return (np.log(x / LOW) + FLAT * (x - LOW)) / SIGMA_B


def draw(rng, num):
    """(events of B, events of S), [num] each."""
    base = np.interp(rng.uniform(size=num), base_cdf(GRID), GRID)
    return base, LOW * (HIGH / LOW) ** rng.uniform(size=num)


def encode(x):
    """Normal if x follows B."""
    return norm.ppf(np.clip(base_cdf(x), 1e-7, 1 - 1e-7))


def decode(z):
    return np.interp(norm.cdf(z), base_cdf(GRID), GRID)


def with_gan(base, subtracted, seed, num_steps=3000, batch=1024):
    """Events of the difference from the two-class GAN, [DRAWN]."""
    data = subtraction.labelled(encode(base)[:, None], encode(subtracted)[:, None])
    players = subtraction.players(1, FRACTION, NET, NET)
    optimizer = optax.adam(optax.cosine_decay_schedule(1e-3, num_steps, 0.05), b1=0.5)
    init, step = duel(players, optimizer, penalty={"kind": "wrong_side", "weight": 1.0}, ema=0.999)
    key = jax.random.key(seed)
    state, _ = steps.run(step, init(key, data), steps.rows_of(data, batch), jax.random.fold_in(key, 1), num_steps)
    found = jax.jit(lambda params, key: subtraction.difference(players, params, key, DRAWN))
    return decode(np.asarray(found(state.ema, jax.random.fold_in(key, 2)))[:, 0])


def with_flow(base, subtracted, seed, num_steps=1500, batch=2048):
    """The same from a flow with signed weights; a second, normal column gives its couplings something to couple."""
    events, weight = subtraction.signed(encode(base)[:, None], encode(subtracted)[:, None], FRACTION)
    rng = np.random.default_rng(seed)
    data = steps.unconditional(np.column_stack([events, rng.normal(size=len(events))]), weight)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(2e-3, num_steps, 0.05))
    )
    flow = {"layer": "spline", "blocks": 4, "bins": 6, "bound": 4.5, "hidden": 16, "layers": 1}
    method = METHODS["cinn"](
        Spec(2, 0, ("x", "u")), optimizer, flow=flow, condition={"output": 1}, ema=0.99
    )  # fmt: skip
    key = jax.random.key(seed)
    state = method.init(key, data)
    state, _ = steps.run(method.step, state, steps.rows_of(data, batch), jax.random.fold_in(key, 1), num_steps)
    found = jax.jit(lambda state, key: method.unfold(key, state, Reco(np.zeros((1, 0))), DRAWN // 4).samples)
    drawn = [np.asarray(found(state, jax.random.fold_in(key, 2 + i)))[0, :, 0] for i in range(4)]
    return decode(np.concatenate(drawn))


def density(x):
    """In bins."""
    return np.histogram(x, EDGES)[0] / len(x) / np.diff(EDGES)


def figure(found, path):
    """Both samples and what is left (left); what is left over the constant, with the spread over seeds (right)."""
    with style.context():
        plot = style.new_figure(10, 4)
        left, right = plot.subplots(1, 2)
        x = np.linspace(LOW, HIGH, 1000)
        left.plot(x, 1 / x + FLAT, color=style.TRUTH, label="$B = 1/x + 0.1$")
        left.plot(x, 1 / x, color=style.RECO, ls="--", label="$S = 1/x$")
        left.axhline(FLAT, color=style.TRUTH, lw=0.7)
        middle = 0.5 * (EDGES[1:] + EDGES[:-1])
        for name, colour in (("GAN", style.UNFOLDED), ("flow", style.SERIES[2])):
            left.stairs(
                FLAT * np.array(found[name][0]), EDGES, baseline=None, color=colour, label=f"{name}, one seed", lw=1.3
            )
        left.set(yscale="log", ylim=(3e-3, 2), xlabel="x", ylabel="d$\\sigma$ / dx")
        left.legend()
        for name, colour in (("histograms", style.TRUTH), ("GAN", style.UNFOLDED), ("flow", style.SERIES[2])):
            ratio = np.array(found[name])
            mean, width = ratio.mean(0), np.sqrt(np.mean((ratio - 1) ** 2, 0))
            right.plot(middle, mean, color=colour, lw=1.2)
            right.fill_between(middle, 1 - width, 1 + width, color=colour, alpha=0.25, lw=0, label=name)
        right.axhline(1, color=style.TRUTH, lw=0.7)
        right.set(xlabel="x", ylabel="found / 0.1", ylim=(0.9, 1.1), xlim=(LOW, HIGH))
        right.legend()
        plot.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="runs/subtraction")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    truth = 1 / (HIGH - LOW)
    found = {"histograms": [], "expected": [], "GAN": [], "flow": []}
    seconds = {"GAN": [], "flow": []}
    for seed in range(args.seeds):
        base, subtracted = draw(np.random.default_rng(seed), EVENTS)
        value, error = subtraction.binned(base, subtracted, FRACTION, EDGES)
        found["histograms"].append((value / truth).tolist())
        found["expected"].append((error / truth).tolist())
        for name, make in (("GAN", with_gan), ("flow", with_flow)):
            begin = time.monotonic()
            found[name].append((density(make(base, subtracted, seed)) / truth).tolist())
            seconds[name].append(time.monotonic() - begin)
        errors = {
            name: float(np.sqrt(np.mean((np.array(found[name]) - 1) ** 2))) for name in seconds | {"histograms": 0}
        }
        errors["expected of histograms"] = float(np.sqrt(np.mean(np.square(found["expected"]))))
        worst = {name: float(np.abs(np.mean(found[name], 0) - 1).max()) for name in errors if name in found}
        print(seed + 1, "errors", errors, "largest mean deviation", worst, "seconds", seconds, flush=True)
        (out / "subtraction.json").write_text(json.dumps({"errors": errors, "worst": worst, **found}))
    figure(found, out / "subtraction.png")


if __name__ == "__main__":
    main()
