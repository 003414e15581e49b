"""Jet images into those of another kind and back, without pairs, by a CycleGAN: arXiv:2008.08558, section 5.1.

    python -m jaxunfold.simulate --config configs/data/fat_jets.py --events 30000 --seed 1 --out qcd_jets.h5
    python -m jaxunfold.simulate --config configs/data/fat_jets.py:w --events 30000 --seed 2 --out w_jets.h5
    python -m benchmarks.generation.lund_cycle --qcd qcd_jets.h5 --out runs/lund_cycle --seeds 3
    python -m benchmarks.generation.lund_cycle --qcd qcd_jets.h5 --w w_jets.h5 --out runs/lund_cycle_w --seeds 3

Without --w jets after the detector and as they were: one quarter of the jets gives the images of the one kind,
another one those of the other. With it measured jets of quarks and gluons and of W bosons, a half of each. On the
rest both directions are compared with the images that they should look like, by observables and by a classifier, and
where there is one with the jet's own image of the other kind, which the training never sees.
"""

import json
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import command
from benchmarks.generation import lund_planes as planes
from benchmarks.seeds import cell, markdown
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


class Kinds(NamedTuple):
    """Images of two kinds. train: of both, unpaired. test: of both; names: theirs.

    paired: Whether the same rows of ``test`` are the same jets.
    """

    names: tuple[str, str]
    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    paired: bool


def levels_of(path):
    """Of one file: as measured, and as they were; no jet is in both trainings."""
    levels = planes.read(path)
    quarter = len(levels["truth"]) // 4
    train = levels["reco"][:quarter], levels["truth"][quarter : 2 * quarter]
    rest = tuple(levels[name][2 * quarter :] for name in ("reco", "truth"))
    return Kinds(("measured", "truth"), train, rest, paired=True)


def flavours_of(qcd, w):
    """Of two files: measured jets of quarks and gluons, and of W bosons."""
    both = [planes.read(path)["reco"] for path in (qcd, w)]
    halves = [len(rows) // 2 for rows in both]
    train, test = zip(*((rows[:half], rows[half : 2 * half]) for rows, half in zip(both, halves)))
    return Kinds(("QCD", "W"), train, test, paired=False)


def judged(kinds, translated, around, key):
    """Distances, classifier's AUC and closeness of images translated there and back; around: of the first kind."""
    (first, second), (name, other), keys = kinds.test, kinds.names, jax.random.split(key, 3)
    there, back = translated
    found = {
        "before": planes.ks(second, first) | {"auc": planes.auc(keys[0], second, first)},
        f"{name} to {other}": planes.ks(second, there) | {"auc": planes.auc(keys[1], second, there)},
        f"{other} to {name}": planes.ks(first, back) | {"auc": planes.auc(keys[2], first, back)},
        "jets, there": closeness(there, first),
        "jets, there and back": closeness(around, first),
    }
    if kinds.paired:
        found |= {
            "pairs, before": closeness(first, second),
            "pairs, translated": closeness(there, second),
            "pairs, shuffled": closeness(np.roll(first, 1, axis=0), second),
        }
    return found


def table(results):
    """Mean and range over the seeds of what was judged."""
    columns = [*planes.NAMES, "auc", "common"]
    rows = [
        [what, *(cell([run[what].get(name) for run in results], "{:.3f}") for name in columns)]
        for what in results[0]
        if what not in ("seconds", "training")
    ]
    return markdown(["KS distance with auc, correlation with common", *columns], rows)


def carry_out(args, out):
    kinds, results = flavours_of(args.qcd, args.w) if args.w else levels_of(args.qcd), []
    name, other = kinds.names
    for seed in range(args.seeds):
        built, state, last, seconds = trained(*kinds.train, seed, args.steps)
        keys = jax.random.split(jax.random.key(100 + seed), 4)
        there, back = (
            np.asarray(to(state, jnp.asarray(rows), key))
            for to, rows, key in zip((built.there, built.back), kinds.test, keys)
        )
        around = np.asarray(built.back(state, jnp.asarray(there), keys[2]))
        results.append({"seconds": seconds, "training": last} | judged(kinds, (there, back), around, keys[3]))
        for what, values in results[-1].items():
            print(seed, what, values, flush=True)
        (out / "lund_cycle.json").write_text(json.dumps(results, indent=2))
        if seed == 0:
            shown = {
                name: kinds.test[0],
                other: kinds.test[1],
                f"{name} to {other}": there,
                f"{other} to {name}": back,
            }
            figure(shown, out / "lund_cycle.png")
    print(table(results))


def main():
    parser = command.parser(__doc__, "runs/lund_cycle")
    parser.add_argument("--qcd", required=True, help="file of jets of quarks and gluons")
    parser.add_argument("--w", help="file of jets of W bosons, to translate between the two")
    parser.add_argument("--steps", type=int, default=2000)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
