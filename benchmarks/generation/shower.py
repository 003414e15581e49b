"""A shower's weights as a function of the scale of alpha_s, learned from Pythia's own: arXiv:2008.08558, section 3.3.

    python -m jaxunfold.simulate --config configs/data/shower.py --events 300000 --seed 1 --out shower.h5
    python -m benchmarks.generation.shower --data shower.h5 --out runs/shower --seeds 3

Trained on the factors 0.5, 0.7, 1.4 and 2 of two thirds of the events; judged on the others, also at the factors 0.6,
0.85, 1.2 and 1.7 that the training has not seen: every observable in 15 bins of equal probability, with learned
weights over with Pythia's. What the weights of Pythia fluctuate around their mean is the error of that ratio.
"""

import json
import time

import jax
import numpy as np

from benchmarks import command
from jaxunfold.report import style
from jaxunfold.unbinned.variations import learn_weights

TRAINED, BINS = (0.5, 0.7, 1.4, 2.0), 15
SHOWN = {
    "log_one_minus_thrust": "$\\log_{10}(1 - T)$, T thrust",
    "log_y34": "$\\log_{10} y_{34}$",
    "partons": "partons",
}
"""Observables of the figure, and their labels."""


def binned(x, weight, edges):
    """Sum of weights, [bins]."""
    return np.bincount(
        np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2), weight, len(edges) - 1
    )


def edges_of(x):
    """Of equal probability where that can be."""
    return np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)))


def carry_out(args, out):
    table = command.table(args.data, [f"weight_{factor:g}" for factor in TRAINED])
    observables = [name for name in table.truth_names if not name.startswith("weight_")]
    factors = [float(name.removeprefix("weight_")) for name in table.truth_names if name.startswith("weight_")]
    values = np.asarray(table.truth, np.float64)
    x, weights = values[:, : len(observables)], values[:, len(observables) :]
    cut = 2 * len(x) // 3
    columns = [factors.index(factor) for factor in TRAINED]
    test, results, shown = x[cut:], [], {}
    for seed in range(args.seeds):
        begin = time.process_time()
        weight_of = learn_weights(
            jax.random.key(seed), x[:cut], TRAINED, weights[:cut][:, columns], epochs=args.epochs, batch_size=2048
        )
        weight_of(test[:1], 1.0)  # the training runs behind the scenes until its result is asked for
        found = {"cpu_seconds": time.process_time() - begin}
        for factor, own in zip(factors, weights[cut:].T):
            learned = weight_of(test, factor)
            for name, column in zip(observables, test.T):
                edges = edges_of(column)
                truth, ours, none = (binned(column, w, edges) for w in (own, learned, np.ones(len(own))))
                error = np.sqrt(binned(column, (own - learned) ** 2, edges)) / truth
                off = ours / truth - 1
                found[f"{factor:g}, {name}"] = {
                    "largest": 100 * float(np.abs(off).max()), "rms": 100 * float(np.sqrt(np.mean(off**2))),
                    "error": 100 * float(np.sqrt(np.mean(error**2))),
                    "unweighted": 100 * float(np.abs(none / truth - 1).max()), "mean_weight": float(learned.mean()),
                }  # fmt: skip
                if seed == 0 and name in SHOWN:
                    shown[factor, name] = edges, truth / none, ours / none, error
        results.append(found)
        for factor in factors:
            each = [found[f"{factor:g}, {name}"] for name in observables]
            row = {key: round(max(one[key] for one in each), 2) for key in ("largest", "error", "unweighted")}
            row["rms"] = round(float(np.sqrt(np.mean([one["rms"] ** 2 for one in each]))), 2)
            print(
                seed, factor, "worst observable, per cent", row, "mean", round(each[0]["mean_weight"], 4), flush=True
            )
        print("CPU seconds", found["cpu_seconds"], flush=True)
        (out / "shower.json").write_text(json.dumps(results))
    figure(shown, out / "shower.png")


def figure(shown, path):
    """Mean weight along three observables, Pythia's and learned (top), and their ratio (bottom)."""
    with style.context():
        plot = style.new_figure(13, 6)
        axes = plot.subplots(2, 3, height_ratios=(1.5, 1))
        for (top, bottom), (name, label_of) in zip(axes.T, SHOWN.items()):
            for factor, colour in zip((0.5, 0.6, 1.2, 2.0), style.SERIES):
                edges, truth, ours, error = shown[factor, name]
                middle = 0.5 * (edges[1:] + edges[:-1])
                label = f"k = {factor:g}" + ("" if factor in TRAINED else ", not trained on")
                top.errorbar(middle, truth, error * truth, fmt=".", color=colour, ms=4)
                top.plot(middle, ours, color=colour, lw=1.2, label=label)
                bottom.errorbar(middle, ours / truth, error, color=colour, lw=1, marker=".", ms=3)
            bottom.fill_between(edges[[0, -1]], 0.98, 1.02, color=style.TRUTH_FILL, alpha=0.6, lw=0)
            top.set(ylabel="mean weight", xlim=(edges[0], edges[-1]))
            bottom.set(
                xlim=(edges[0], edges[-1]),
                xlabel=label_of,
                ylabel="learned / Pythia",
                ylim=(0.92, 1.08),
            )
        axes[0, 0].legend(fontsize=8)
        plot.savefig(path, dpi=110)


def main():
    parser = command.parser(__doc__, "runs/shower", seeds=3)
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, default=20)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
