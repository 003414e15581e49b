"""Event subtraction on the toy of arXiv:2008.08558, Eqs. (13), (14): B = 1/x + 0.1, S = 1/x on [1, 200].

    python -m benchmarks.generation.subtraction --out runs/subtraction --seeds 5

Every seed draws samples of its own, and what is left is compared with the constant it should be: difference of two
histograms, two-class GAN, flow with signed weights. An error is the root of the mean square of (found / 0.1 - 1) over
seeds and bins; it is what the error bands of the figure show bin by bin.
"""

import json
import math
import time

import numpy as np
from scipy.stats import norm

from benchmarks import command
from benchmarks.generation import subtracting
from jaxunfold.report import style
from jaxunfold.unbinned import subtraction

LOW, HIGH, FLAT = 1.0, 200.0, 0.1
SIGMA_S = math.log(HIGH / LOW)
SIGMA_B = SIGMA_S + FLAT * (HIGH - LOW)
FRACTION = SIGMA_S / SIGMA_B
EVENTS, DRAWN, BINS = 50_000, 1_000_000, 20
EDGES = np.linspace(LOW, HIGH, BINS + 1)
GRID = np.geomspace(LOW, HIGH, 20001)


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


def with_gan(base, subtracted, seed):
    """Events of the difference from the two-class GAN, [DRAWN]."""
    base, subtracted = (encode(x)[:, None] for x in (base, subtracted))
    return decode(subtracting.with_gan(base, subtracted, FRACTION, seed, DRAWN)[:, 0])


def with_flow(base, subtracted, seed):
    """The same from a flow with signed weights; a second, normal column gives its couplings something to couple."""
    rng = np.random.default_rng(seed)
    base, subtracted = (np.column_stack([encode(x), rng.normal(size=len(x))]) for x in (base, subtracted))
    return decode(subtracting.with_flow(base, subtracted, FRACTION, seed, DRAWN)[:, 0])


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
        subtracting.draw_bands(right, middle, found)
        right.set(xlabel="x", ylabel="found / 0.1", ylim=(0.9, 1.1), xlim=(LOW, HIGH))
        right.legend()
        plot.savefig(path, dpi=110)


def carry_out(args, out):
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


def main():
    parser = command.parser(__doc__, "runs/subtraction", seeds=5)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
