"""Top pairs from a flow, a GAN and autoencoders over seeds: masses, spectra, balance, and what a classifier tells.

    python -m benchmarks.generation.top_pairs --out runs/top_pairs --seeds 3 [--rows flow,GAN]

Each is trained as its config says on the embedded sample; 100,000 generated events against 10,000 held-out ones.
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp

from benchmarks import command
from benchmarks.seeds import cell, generated, markdown
from jaxunfold.data import events as event_files
from jaxunfold.metrics.masses import peak
from jaxunfold.metrics.two_sample import held_out_auc, particle_features

CONFIGS = Path(__file__).parents[2] / "configs"
ROWS = {
    "flow": "generate_ttbar.py",
    "GAN": "generate_ttbar_gan.py",
    "GAN-momenta": "generate_ttbar_gan.py:momenta",
    "VAE": "generate_ttbar_vae.py",
    "B-VAE": "generate_ttbar_vae.py:buffer",
    "adversarial": "generate_ttbar_vae.py:adversarial",
    "VAE-GAN": "generate_ttbar_vae.py:gan",
}
LEAVES = {"W+": (1, 2), "t": (0, 1, 2), "W-": (4, 5), "tbar": (3, 4, 5)}
DRAWN = 100_000


def masses(p):
    """{resonance: [n]} of momenta [n, 6, 4]."""
    total = {name: p[:, leaves].astype(np.float64).sum(1) for name, leaves in LEAVES.items()}
    return {name: np.sqrt(np.maximum(q[:, 0] ** 2 - np.sum(q[:, 1:] ** 2, -1), 0)) for name, q in total.items()}


def spectra(p):
    """{name: [n]}: transverse momentum and pseudorapidity of the leaves, mass of both tops, distance of b and q1."""
    p = p.astype(np.float64)
    pt, phi = np.hypot(p[..., 1], p[..., 2]), np.arctan2(p[..., 2], p[..., 1])
    eta, total = np.arcsinh(p[..., 3] / pt), p.sum(1)
    turn = np.abs(np.angle(np.exp(1j * (phi[:, 0] - phi[:, 1]))))
    found = {f"{name} {i}": x[:, i] for name, x in (("pt", pt), ("eta", eta)) for i in range(6)}
    found["m_tt"] = np.sqrt(np.maximum(total[:, 0] ** 2 - np.sum(total[:, 1:] ** 2, -1), 0))
    return found | {"dr_bq": np.hypot(eta[:, 0] - eta[:, 1], turn)}


def balance(p):
    """Of the worst event: transverse momentum of all leaves over the sum of theirs."""
    p = p.astype(np.float64)
    total = np.hypot(p[..., 1].sum(1), p[..., 2].sum(1))
    return float(np.max(total / np.hypot(p[..., 1], p[..., 2]).sum(1)))


def judged(made, truth):
    """{number: value} of generated events against true ones."""
    ours, true, found = masses(made), masses(truth), {}
    for name in LEAVES:
        one = peak(true[name], ours[name][None], np.ones(len(truth)), np.ones((1, len(made))))
        found |= {f"shift {name}": one["peak_shift"], f"width {name}": one["width_ratio"]}
    distances = {
        name: ks_2samp(x, y).statistic for (name, x), y in zip(spectra(made).items(), spectra(truth).values())
    }
    found["ks worst leaf"] = max(distances[name] for name in distances if name[:2] in ("pt", "et"))
    found |= {"ks m_tt": distances["m_tt"], "ks dr_bq": distances["dr_bq"], "balance": balance(made)}
    n = len(truth)
    fold = np.random.default_rng(0).integers(0, 2, n)
    auc = held_out_auc(particle_features(truth), particle_features(made[:n]), np.ones(n), 0, fold)
    return {name: float(value) for name, value in found.items()} | {"auc": auc.value}


def bulk(made, truth):
    """pT and pseudorapidity of the leaves in ten bins, alike in events, from 5 to 95 per cent: worst |ratio - 1|."""
    worst, ours = 0.0, spectra(made)
    for name, values in spectra(truth).items():
        if name[:2] in ("pt", "et"):
            edges = np.quantile(values, np.linspace(0.05, 0.95, 11))
            ratio = np.histogram(ours[name], edges)[0] / np.histogram(values, edges)[0] * len(values) / len(made)
            worst = max(worst, float(np.max(np.abs(ratio - 1))))
    return worst


def form_of(key):
    """How a number is written."""
    kinds = {
        "shift": "{:+.2f}",
        "width": "{:.2f}",
        "ks": "{:.3f}",
        "balance": "{:.0e}",
        "auc": "{:.3f}",
        "worst": "{:.3f}",
    }
    return kinds.get(key.split()[0], "{:.0f}")


def table(found):
    """Mean and range of every number over the seeds."""
    keys = list(next(iter(found.values()))[0])
    rows = [[key, *(cell([run[key] for run in runs], form_of(key)) for runs in found.values())] for key in keys]
    return markdown(["", *found], rows)


def carry_out(args, out):
    found = {name: [] for name in command.chosen("--rows", args.rows, ROWS)}
    # 10,000 events are too few to tell bins to 5 per cent
    everything = event_files.read(event_files.sample_path("ttbar"), require_truth=True).truth
    for seed in range(args.seeds):
        for name in found:
            made, truth, seconds = generated(str(CONFIGS / ROWS[name]), out / f"{name}-{seed}", seed, DRAWN)
            numbers = {"worst bin of leaves, whole sample": bulk(made, everything), "CPU seconds": seconds}
            found[name].append(judged(made, truth) | numbers)
            print(seed, name, {key: round(value, 4) for key, value in found[name][-1].items()}, flush=True)
            (out / "top_pairs.json").write_text(json.dumps(found, indent=2))
    print(table(found))


def main():
    parser = command.parser(__doc__, "runs/top_pairs")
    parser.add_argument("--rows", default=",".join(ROWS))
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
