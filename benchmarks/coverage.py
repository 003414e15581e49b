"""Coverage of the bands of Bayesian flows, ensembles and the bootstrap over many training samples of toys.

python benchmarks/coverage.py --toys crescent,quadratic --rows mean_field,ensemble,bootstrap [--sets 60]
python benchmarks/coverage.py --table
python benchmarks/coverage.py --figure FILE.png

Every training sample is drawn anew, learned by small two-dimensional flows, and histogrammed in bins that hold the
same share of the truth; the sets of a row are one compiled program. Leaves benchmarks/results/bayesian/TOY-ROW.json
with the spectrum of every network.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from seeds import markdown

from jaxunfold.data.ramps import RAMPS, crescent
from jaxunfold.methods import METHODS
from jaxunfold.metrics.bands import conformal_factor, coverage, factor, two_way
from jaxunfold.report import style
from jaxunfold.training.optimizer import make_optimizer
from jaxunfold.training.steps import unconditional
from jaxunfold.types import Reco, Spec

RESULTS = Path(__file__).parent / "results" / "bayesian"
TOYS = {"crescent": crescent} | {name: ramp.sample for name, ramp in RAMPS.items()}
BINS, DRAWS, STEPS, BATCH, MEMBERS, POSTERIOR = 12, 20_000, 3000, 128, 5, 30
FLOW = {"layer": "spline", "blocks": 2, "bins": 8, "bound": 5.0, "hidden": 16, "layers": 1}
BASE = {"base": "cinn", "base_model": {"flow": FLOW, "condition": {}, "activation": "silu", "ema": 0.99}}
MEAN_FIELD = {"members": POSTERIOR, "start_width": 0.02}
ROWS = {
    "mean_field": ("bayesian", MEAN_FIELD),
    "mean_field_local": ("bayesian", MEAN_FIELD | {"local": True}),
    "mean_field_prior_0.3": ("bayesian", MEAN_FIELD | {"prior_width": 0.3}),
    "mean_field_prior_3": ("bayesian", MEAN_FIELD | {"prior_width": 3.0}),
    "mean_field_cold_0.3": ("bayesian", MEAN_FIELD | {"temperature": 0.3}),
    "mean_field_cold_0.1": ("bayesian", MEAN_FIELD | {"temperature": 0.1}),
    "mean_field_warm_3": ("bayesian", MEAN_FIELD | {"temperature": 3.0}),
    "ensemble": ("ensemble", {"members": MEMBERS}),
    "bootstrap": ("ensemble", {"members": MEMBERS, "bootstrap": True}),
    "bootstrap_same_start": ("ensemble", {"members": MEMBERS, "bootstrap": True, "same_start": True}),
}


def edges_of(toy: str) -> np.ndarray:
    """Edges of equally likely bins of x and y, [2, BINS + 1], from a large sample; the outermost lie far off."""
    sample = np.concatenate([TOYS[toy](np.random.default_rng([1, i]), 1_000_000) for i in range(4)])
    edges = np.quantile(sample, np.linspace(0, 1, BINS + 1), axis=0).T
    edges[:, 0], edges[:, -1] = -1e6, 1e6
    return edges


def experiment(toy: str, row: str, sets: int, events: int) -> dict:
    """Spectra of every network of every set, [sets, networks, 2 BINS], as fractions of all draws."""
    kind, options = ROWS[row]
    optimizer = make_optimizer(3e-3, STEPS, schedule="cosine", warmup=0.05, clip_norm=5.0)
    method = METHODS[kind](Spec(2, 0, ("x", "y"), num_events=events), optimizer, **BASE, **options)
    reference, edges = TOYS[toy](np.random.default_rng(7), 100_000), edges_of(toy)
    mean, width = reference.mean(0), reference.std(0)

    def spectra_of(x, start, key):
        def body(state, key):
            rows = jax.random.randint(key, (BATCH,), 0, events)
            return method.step(state, unconditional(x[rows]), key)[0], None

        state = method.init(start, unconditional(x[:BATCH]))
        state, _ = jax.lax.scan(body, state, jax.random.split(jax.random.fold_in(start, 1), STEPS))
        drawn = method.unfold(key, state, Reco(jnp.zeros((1, 0))), DRAWS * method.members)
        values = drawn.samples[0].reshape(DRAWS, method.members, 2) * width + mean
        counts = [jax.vmap(lambda v, e=e: jnp.histogram(v, e)[0], 1)(values[..., i]) for i, e in enumerate(edges)]
        return jnp.concatenate(counts, -1) / DRAWS

    x = np.stack([(TOYS[toy](np.random.default_rng([2, i]), events) - mean) / width for i in range(sets)])
    # networks of an ensemble start alike in every set, so that sample and start can be told apart
    starts = (
        jax.random.split(jax.random.key(3), sets) if kind == "bayesian" else jnp.broadcast_to(jax.random.key(3), sets)
    )
    keys = jax.random.split(jax.random.key(4), sets)
    run = jax.jit(jax.vmap(spectra_of)).lower(x[:10], starts[:10], keys[:10]).compile()
    begin, found = time.process_time(), []
    for at in range(0, sets, 10):
        found.append(np.asarray(run(x[at : at + 10], starts[at : at + 10], keys[at : at + 10])))
        print(f"{toy} {row}: {at + 10}/{sets} sets, {time.process_time() - begin:.0f} CPU s", flush=True)
    spectra = np.concatenate(found)
    if not np.isfinite(spectra).all():
        raise SystemExit(f"{toy} {row}: a network gave no numbers")
    out = {"sets": sets, "events": events, "cpu_seconds": time.process_time() - begin}
    return out | {"spectra": np.round(spectra, 6).tolist()}


def bands(spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Center and spread of every set's networks, without what the finite number of draws adds to the spread."""
    center = spectra.mean(1)
    noise = center * (1 - center) / DRAWS
    return center, np.sqrt(np.maximum(spectra.var(1, ddof=1) - noise, noise))


def row_of(toy: str, row: str) -> list[str]:
    """A row of the table."""
    result = json.loads((RESULTS / f"{toy}-{row}.json").read_text())
    spectra = np.asarray(result["spectra"])
    center, spread = bands(spectra)
    pull = (center - 1 / BINS) / spread
    few = spectra.shape[1] if spectra.shape[1] < 10 else None
    rms = np.sqrt(np.mean((center - 1 / BINS) ** 2))
    bias = np.sqrt(np.mean((center.mean(0) - 1 / BINS) ** 2))
    half = np.arange(len(pull)) % 2 == 0
    scales = [conformal_factor(pull[which], 0.68) for which in (half, ~half)]
    calibrated = np.concatenate([np.abs(pull[~half]) < scales[0], np.abs(pull[half]) < scales[1]])
    error = calibrated.mean(1).std(ddof=1) / np.sqrt(len(calibrated))
    found = [coverage(pull, level, few) for level in (0.68, 0.95)]
    return [
        toy, row, *(f"{c.value:.3f} +- {c.error:.3f}" for c in found), f"{12 * rms:.3f}", f"{12 * bias:.3f}",
        f"{12 * np.sqrt(np.mean(spread**2)):.3f}", f"{np.mean(scales) / factor(0.68, few):.2f}",
        f"{calibrated.mean():.3f} +- {error:.3f}", f"{result['cpu_seconds'] / result['sets']:.1f}",
    ]  # fmt: skip


HEADER = (
    "toy", "networks", "68 % band holds", "95 % band holds", "error of the center", "of it common to all sets",
    "spread", "factor needed", "68 % band, conformal", "CPU s a set",
)  # fmt: skip


def table() -> str:
    """All rows that are there, and what the variance of single networks is made of."""
    there = [(toy, row) for toy in TOYS for row in ROWS if (RESULTS / f"{toy}-{row}.json").exists()]
    text = markdown(HEADER, [row_of(*names) for names in there])
    rows = []
    for toy in sorted({toy for toy, row in there if row == "ensemble"}):
        spectra = np.asarray(json.loads((RESULTS / f"{toy}-ensemble.json").read_text())["spectra"])
        parts = [12 * np.sqrt(max(part.mean(), 0)) for part in two_way(spectra)]
        others = []
        for row in ("bootstrap_same_start", "mean_field"):
            path = RESULTS / f"{toy}-{row}.json"
            known = path.exists() and bands(np.asarray(json.loads(path.read_text())["spectra"]))[1]
            others.append(f"{12 * np.sqrt(np.mean(known**2)):.3f}" if path.exists() else "-")
        rows.append([toy, *(f"{part:.3f}" for part in parts), *others])
    names = ("toy", "training sample", "start", "both together", "bootstrap with one start", "mean-field posterior")
    return text + "\n\n" + markdown(names, rows)


LOOK = {
    "mean_field": {"color": style.SERIES[1], "linestyle": "-"},
    "ensemble": {"color": style.SERIES[2], "linestyle": "--"},
    "bootstrap": {"color": style.SERIES[0], "linestyle": "-."},
}


def figure(path: str) -> None:
    """Pulls of all bins over all sets beside a standard normal, one panel a toy."""
    there = {toy: [r for r in LOOK if (RESULTS / f"{toy}-{r}.json").exists()]
             for toy in TOYS}  # fmt: skip
    there = {toy: rows for toy, rows in there.items() if rows}
    with style.context():
        fig, axes = plt.subplots(1, len(there), figsize=(5 * len(there), 3.6), sharey=True, squeeze=False)
        at = np.linspace(-5, 5, 41)
        for ax, (toy, rows) in zip(axes[0], there.items(), strict=True):
            ax.plot(at, np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi), "k", label="standard normal")
            for row in rows:
                spectra = np.asarray(json.loads((RESULTS / f"{toy}-{row}.json").read_text())["spectra"])
                center, spread = bands(spectra)
                ax.hist(
                    np.clip(((center - 1 / BINS) / spread).ravel(), -5, 5), at, density=True, histtype="step",
                    label=row.replace("_", " "), **LOOK[row],
                )  # fmt: skip
            ax.set(xlabel="(center - truth) / spread", title=toy)
        axes[0, 0].set_ylabel("density of bins")
        axes[0, 0].legend(fontsize=8.5)
        fig.savefig(path)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toys", default="crescent,quadratic")
    parser.add_argument("--rows", default="mean_field,ensemble,bootstrap,bootstrap_same_start")
    parser.add_argument("--sets", type=int, default=60, help="a multiple of ten")
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--figure")
    args = parser.parse_args()
    if args.table:
        print(table())
    elif args.figure:
        figure(args.figure)
    else:
        RESULTS.mkdir(parents=True, exist_ok=True)
        for toy in args.toys.split(","):
            for row in args.rows.split(","):
                result = experiment(toy, row, args.sets, args.events)
                (RESULTS / f"{toy}-{row}.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
