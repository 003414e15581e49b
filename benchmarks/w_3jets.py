"""W + 3 jets, generated and refined: the hole at pT < 25 GeV, Figs. 4.7 and 4.8 of the thesis.

    python -m jaxunfold.simulate --config configs/data/w_3jets.py:jets --events 60000 --seed 1 --out w_3jets.h5
    python benchmarks/w_3jets.py --data w_3jets.h5 [--seeds 0] [--rows baseline,weights,...]

Trains configs/generate_w_3jets.py, its sibling in log(pT - cut), and configs/laser_w_3jets.py on the first, each in
OUT/NAME-SEED and not again; every row generates events and compares them with the held-out ones; HMC a fifth as many.
The rows "resampling" and "hmc" draw with the classifier of "weights". Results go to
benchmarks/results/laser/w_3jets-SEED.json.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from w_3jets_page import draw_figures, table

from jaxunfold import config as configs
from jaxunfold import run as runs
from jaxunfold import saved, train
from jaxunfold.data import events as event_files
from jaxunfold.data import splits
from jaxunfold.metrics.distances import kolmogorov_smirnov
from jaxunfold.metrics.two_sample import held_out_auc, particle_features
from jaxunfold.physics.observables import observables
from jaxunfold.types import Anchor, Reco

RESULTS = Path(__file__).parent / "results" / "laser"
CONFIGS = Path(__file__).parent.parent / "configs"
TRAINED = {
    "baseline": "generate_w_3jets.py", "above": "generate_w_3jets.py:above", "weights": "laser_w_3jets.py:weights",
    "refiner": "laser_w_3jets.py:refiner",
}  # fmt: skip
DRAWN = {
    "resampling": {"kind": "resampling", "candidates": 4},
    "hmc": {"kind": "hmc", "candidates": 4, "transitions": 6, "step_size": 0.1, "num_steps": 6},
}
ROWS = ("truth", "baseline", "weights", "resampling", "hmc", "refiner", "above")
CUT, BELOW, JETS = 25.0, 24.0, (1, 2, 3)


def trained(name: str, seed: int, args) -> runs.Run:
    """The run of one config, trained where it is not there yet."""
    folder = args.out / f"{name}-{seed}"
    if not (folder / "seconds.txt").exists():
        config = configs.load(str(CONFIGS / TRAINED[name]))
        with config.unlocked():
            config.data.path, config.training.seed = args.data, seed
            if "base_run" in config:
                config.base_run = str(args.out / f"baseline-{seed}")
            if args.quick:
                config.training.epochs = 1
                config.data.update({"valid": 100, "test": 500})
        folder.mkdir(parents=True, exist_ok=True)
        begin = time.process_time()
        train.fit(config, folder)
        (folder / "seconds.txt").write_text(f"{time.process_time() - begin:.0f}\n")
    return saved.load(str(folder))


def events_of(run: runs.Run, key, num: int, piece: int = 20_000) -> tuple[np.ndarray, np.ndarray, float]:
    """(events [n, 4, 4] in GeV, their log-weights, CPU seconds)."""
    nothing = Reco(jnp.zeros((1, 0)), Anchor(jnp.zeros((1, len(run.pipeline.coordinates.names)))))
    events, log_w, begin, piece = [], [], time.process_time(), min(piece, num)
    for number in range(-(-num // piece)):
        found = run.draw(jax.random.fold_in(key, number), nothing, piece)
        events.append(np.asarray(found.samples[0]))
        log_w.append(np.asarray(found.log_weights[0]))
    return np.concatenate(events)[:num], np.concatenate(log_w)[:num], time.process_time() - begin


def row_of(name: str, seed: int, args) -> tuple[np.ndarray, np.ndarray, dict]:
    """(events, log-weights, what else is known) of a row."""
    if name in DRAWN:
        run = trained("weights", seed, args)
        config = run.config.copy_and_resolve_references()
        with config.unlocked():
            config.model.sampler = DRAWN[name]
        run = runs.assemble(config, run.problem, run.fitted, state=run.state, about=run.about)
    else:
        run = trained(name, seed, args)
    num = args.events // 5 if name == "hmc" else args.events
    events, log_w, seconds = events_of(run, jax.random.key(seed + 1000), num)
    folder = args.out / f"{'weights' if name in DRAWN else name}-{seed}"
    return events, log_w, {"cpu_seconds": seconds, "training_seconds": float((folder / "seconds.txt").read_text())}


def judged(events: np.ndarray, weight: np.ndarray, test: np.ndarray, config) -> dict:
    """Fractions below the cut, distances of the spectra and the AUC of boosted trees."""
    pt = np.hypot(events[:, JETS, 1], events[:, JETS, 2])
    total = weight.sum()
    labels = ("W+", "j1", "j2", "j3")
    trees = {name: tuple(children) for name, children in config.resonances.items()}
    ours, true = (
        {k: np.asarray(v) for k, v in observables(p, labels, trees, config.observables.to_dict()).items()}
        for p in (events, test)
    )
    distances = {name: kolmogorov_smirnov(true[name], ours[name], None, weight) for name in ours}
    below = {str(limit): float((weight[:, None] * (pt < limit)).sum() / (3 * total)) for limit in (BELOW, CUT)}
    out_of_order = float((weight * (np.diff(pt, axis=1) > 0).any(1)).sum() / total)
    each = [float((weight * (pt[:, i] < BELOW)).sum() / total) for i in range(3)]
    found = {"below": below, "below_24_of_each": each, "out_of_order": out_of_order, "ks": distances}
    found["ks_mean"] = float(np.mean(list(distances.values())))
    found["ess"] = float(total**2 / (weight**2).sum() / len(weight))
    return found | auc_of(events, weight, test)


def auc_of(events, weight, test) -> dict:
    """AUC of boosted trees, as many generated events as test events, drawn by their weights."""
    rng = np.random.default_rng(0)
    n = len(test)
    # an event twice would be known from the one fold in the other
    chosen = rng.choice(len(events), n, replace=False, p=weight / weight.sum())
    found = held_out_auc(
        particle_features(test), particle_features(events[chosen]), np.ones(n), 0, rng.integers(0, 2, n)
    )
    return {"auc": found.value, "auc_error": found.error}


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(events, weights) that were kept."""
    with np.load(path) as kept:
        return kept["events"], kept["weight"]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--out", type=Path, default=Path("runs/w_3jets"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--again", action="store_true", help="also rows that have their scores")
    parser.add_argument("--quick", action="store_true", help="one epoch")
    args = parser.parse_args()
    truth = event_files.read(args.data, require_truth=True).truth
    for seed in (int(seed) for seed in args.seeds.split(",")):
        base = trained("baseline", seed, args)
        data = base.config.data
        parts = splits.split(len(truth), data.valid, data.test, data.split_seed)
        test = truth[parts.test]
        path = args.results / f"w_3jets-{seed}.json"
        rows = json.loads(path.read_text()) if path.exists() else {}
        for name in args.rows.split(","):
            kept = args.out / f"draws_{name}-{seed}.npz"
            if name in rows and kept.exists() and not args.again:
                continue
            if name == "truth":
                # the training events against the test events: what the size of the latter allows
                events, log_w, about = truth[parts.train], np.zeros(len(parts.train)), {}
            else:
                events, log_w, about = row_of(name, seed, args)
            weight = np.exp(np.asarray(log_w, np.float64) - log_w.max())
            # in single precision figures are as good
            np.savez(kept, events=events.astype(np.float32), weight=weight)
            rows[name] = judged(events, weight, test, base.config) | about
            path.write_text(json.dumps(rows, indent=1) + "\n")
            print(f"{seed} {name}: {rows[name]}", flush=True)
        if seed == 0:
            shown = {name: args.out / f"draws_{name}-0.npz" for name in rows}
            draw_figures({k: read(path) for k, path in shown.items() if path.exists()}, truth[parts.train], args.out)
        print(table(args.results), flush=True)


if __name__ == "__main__":
    main()
