"""Jets as they were from jets as the detector shows them, and back, without pairs: arXiv:2008.08558, section 5.1.

    python -m jaxunfold.simulate --config configs/data/fat_jets.py --events 30000 --seed 1 --out qcd_jets.h5
    python -m benchmarks.lund_cycle --data qcd_jets.h5 --out runs/lund_cycle

A CycleGAN of Lund-plane images. One quarter of the jets gives the images at truth level, another one those after the
detector; on the other half both directions are compared with the images that they should look like, by observables
and by a classifier, and with the jet's own, which the training never sees.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import lund_planes as planes
from jaxunfold.images import translation
from jaxunfold.report import style
from jaxunfold.training import steps
from jaxunfold.training.cycle import Both

BATCH = 128
OPTIONS = {
    "network": {"hidden": 128, "layers": 2},
    "critic": {"hidden": 128, "layers": 2},
    "latent": 16,
    "loss": "least_squares",
    "penalty": {"kind": "unit_slope", "weight": 1.0},
    "cycle": 0.02,
    "identity": 0.0,
    "ema": 0.998,
}


def trained(a, b, seed, num_steps):
    """(translation, state, metrics of the last tenth, CPU seconds)."""
    begin, key = time.process_time(), jax.random.key(seed)
    built = translation.build(jnp.asarray(a), jnp.asarray(b), optax.adam(1e-3, b1=0.5, b2=0.9), **OPTIONS)
    rows = [steps.rows_of(steps.unconditional(x), BATCH) for x in (a, b)]

    def both(key):
        return Both(*(make(k).truth for make, k in zip(rows, jax.random.split(key))))

    state = built.init(key, both(key))
    state, metrics = steps.run(built.step, state, both, jax.random.fold_in(key, 1), num_steps)
    jax.block_until_ready(state)
    last = {name: float(np.mean(np.asarray(values)[-num_steps // 10 :])) for name, values in metrics.items()}
    return built, state, last, time.process_time() - begin


def closeness(first, second):
    """Of images of the same jets, row by row: pixels in common over those of either, and correlations."""
    a, b = planes.observables(first), planes.observables(second)
    common, either = np.sum(first * second, 1), np.sum(np.maximum(first, second), 1)
    out = {"common": float(np.mean(common / np.maximum(either, 1)))}
    return out | {name: float(np.corrcoef(a[name], b[name])[0, 1]) for name in planes.NAMES}


def figure(shown, path):
    """Mean images (top), the three observables (middle), and one jet (bottom)."""
    with style.context():
        plot = style.new_figure(13, 9.5)
        top, middle, bottom = plot.subfigures(3, 1, height_ratios=(1, 1.15, 1))
        for axes, (name, rows) in zip(top.subplots(1, 4), shown.items()):
            image = planes.plane_image(axes, rows, name)
        top.colorbar(image, ax=top.axes, label="emissions")
        colours = (style.TRUTH, style.RECO, style.UNFOLDED, style.SERIES[2])
        for axes, (name, label) in zip(middle.subplots(1, 3), planes.NAMES.items()):
            for (kind, rows), colour in zip(shown.items(), colours):
                planes.stairs(axes, name, rows, kind, colour)
            axes.set(xlabel=label, ylabel="density", xlim=(max(planes.EDGES[name][0], 0), planes.EDGES[name][-1]))
        middle.axes[-1].legend(fontsize=8)
        for axes, (name, rows) in zip(bottom.subplots(1, 4), shown.items()):
            planes.plane_image(axes, rows[:1], f"one jet, {name}")
        plot.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", default="runs/lund_cycle")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2000)
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    levels, results = planes.read(args.data), []
    quarter = len(levels["truth"]) // 4
    a, b = levels["reco"][:quarter], levels["truth"][quarter : 2 * quarter]
    reco, truth = (levels[name][2 * quarter :] for name in ("reco", "truth"))
    print("before", planes.ks(truth, reco), "pairs", closeness(reco, truth), flush=True)
    for seed in range(args.seeds):
        built, state, last, seconds = trained(a, b, seed, args.steps)
        print(seed, "training", last, "CPU seconds", seconds, flush=True)
        keys = jax.random.split(jax.random.key(100 + seed), 6)
        unfolded, folded = (
            np.asarray(to(state, jnp.asarray(rows), key))
            for to, rows, key in ((built.there, reco, keys[0]), (built.back, truth, keys[1]))
        )
        around = np.asarray(built.back(state, jnp.asarray(unfolded), keys[2]))
        found = {
            "seconds": seconds, "training": last,
            "before": planes.ks(truth, reco) | {"auc": planes.auc(keys[3], truth, reco)},
            "unfolded": planes.ks(truth, unfolded) | {"auc": planes.auc(keys[4], truth, unfolded)},
            "folded": planes.ks(reco, folded) | {"auc": planes.auc(keys[5], reco, folded)},
            "pairs, before": closeness(reco, truth),
            "pairs, unfolded": closeness(unfolded, truth),
            "pairs, around": closeness(around, reco),
            "pairs, shuffled": closeness(np.roll(reco, 1, axis=0), truth),
        }  # fmt: skip
        results.append(found)
        for name, values in found.items():
            print(seed, name, values, flush=True)
        (out / "lund_cycle.json").write_text(json.dumps(results, indent=2))
        if seed == 0:
            shown = {"truth": truth, "measured": reco, "measured to truth": unfolded, "truth to measured": folded}
            figure(shown, out / "lund_cycle.png")


if __name__ == "__main__":
    main()
