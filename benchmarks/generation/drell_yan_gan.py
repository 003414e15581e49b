"""Drell-Yan GANs with and without the terms of arXiv:2008.08558, Eq. (19): mean and width of the Z.

    python -m benchmarks.generation.drell_yan_gan --data drell_yan.h5 --out runs/drell_yan_gan --seeds 1

`configs/generate_drell_yan_gan.py` in its three forms, 100,000 events of each against 10,000 held-out ones.
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp

from benchmarks import command
from benchmarks.seeds import cell, generated, markdown
from jaxunfold.metrics.masses import peak

CONFIG = Path(__file__).parents[2] / "configs" / "generate_drell_yan_gan.py"
FORMS = {"cross entropy alone": "plain", "mean and width, Eq. (19)": "", "MMD of the mass": "mmd"}
DRAWN = 100_000


def observables(p):
    """Of momenta [n, 2, 4]."""
    p = p.astype(np.float64)
    total = p.sum(1)
    mass = np.sqrt(np.maximum(total[:, 0] ** 2 - np.sum(total[:, 1:] ** 2, -1), 0))
    pt = np.hypot(p[:, 0, 1], p[:, 0, 2])
    return {"m_ee": mass, "pt_e-": pt, "eta_e-": np.arcsinh(p[:, 0, 3] / pt), "E_e-": p[:, 0, 0]}


def carry_out(args, out):
    found = {name: [] for name in FORMS}
    for seed in range(args.seeds):
        for name, form in FORMS.items():
            config = f"{CONFIG}:{form}" if form else str(CONFIG)
            made, held_out, seconds = generated(
                config, out / f"{form or 'moments'}-{seed}", seed, DRAWN, {"data.path": args.data}
            )
            ours, truth = observables(made), observables(held_out)
            row = peak(truth["m_ee"], ours["m_ee"][None], np.ones(len(truth["m_ee"])), np.ones((1, DRAWN)))
            row |= {"std": float(np.std(ours["m_ee"]) / np.std(truth["m_ee"])), "seconds": seconds}
            row |= {f"ks {key}": float(ks_2samp(ours[key], truth[key]).statistic) for key in truth}
            found[name].append(row)
            print(seed, name, {key: round(value, 3) for key, value in row.items()}, flush=True)
            (out / "drell_yan_gan.json").write_text(json.dumps(found, indent=2))
    keys = {"peak_shift": "{:+.2f}", "width_ratio": "{:.1f}", "std": "{:.2f}"}
    keys |= dict.fromkeys(("ks m_ee", "ks pt_e-", "ks eta_e-", "ks E_e-"), "{:.3f}") | {"seconds": "{:.0f}"}
    header = ["loss", "median of m_ee off by [GeV]", "width, times the truth's", "standard deviation, times"]
    header += ["KS m_ee", "KS pT", "KS eta", "KS E", "CPU seconds"]
    rows = [
        [name, *(cell([row[key] for row in runs], form) for key, form in keys.items())]
        for name, runs in found.items()
    ]
    print(markdown(header, rows))


def main():
    parser = command.parser(__doc__, "runs/drell_yan_gan")
    parser.add_argument("--data", required=True)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
