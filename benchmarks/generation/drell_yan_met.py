"""Drell-Yan with missing momentum from a flow and a GAN: arXiv:2008.08558, Figs. 7 and 8.

    python -m jaxunfold.simulate --config configs/data/drell_yan_met.py --events 8000 --seed 1 --out drell_yan_met.h5
    python -m benchmarks.generation.drell_yan_met --data drell_yan_met.h5 --out runs/drell_yan_met --seeds 3

Spectra of generated events against held-out ones, and missing momentum where there are few and many vertices.
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp

from benchmarks import command
from benchmarks.generation import panels
from benchmarks.seeds import cell, generated, markdown
from jaxunfold.metrics.quantiles import median_and_width
from jaxunfold.simulation.drell_yan_met import COLUMNS

CONFIG = Path(__file__).parents[2] / "configs" / "generate_drell_yan_met.py"
DRAWN, FEW, MANY = 200_000, 17, 23
SHOWN = {
    "m_ee": ("$m_{ee}$ [GeV]", np.linspace(60, 120, 41)),
    "pt_em": ("$p_T$ of the electron [GeV]", np.linspace(20, 100, 41)),
    "jets": ("jets", np.arange(6)),
    "met": ("missing $p_T$ [GeV]", np.linspace(0, 100, 41)),
    "few": (f"missing $p_T$, fewer than {FEW} vertices [GeV]", np.linspace(0, 100, 26)),
    "many": (f"missing $p_T$, {MANY} vertices and more [GeV]", np.linspace(0, 100, 26)),
}


def observables(table):
    """{name: [n]}; "few" and "many" have their events alone."""
    x = dict(zip(COLUMNS, np.asarray(table, np.float64).T))
    mass2 = 2 * x["pt_em"] * x["pt_ep"] * (np.cosh(x["eta_em"] - x["eta_ep"]) + np.cos(x["dphi"]))
    met = np.hypot(x["met_px"], x["met_py"])
    x |= {"m_ee": np.sqrt(np.maximum(mass2, 0)), "met": met}
    return x | {"few": met[x["vertices"] < FEW], "many": met[x["vertices"] >= MANY]}


def carry_out(args, out):
    found, shown = {"flow": [], "GAN": []}, {}
    every = observables(command.table(args.data, COLUMNS).truth)
    for seed in range(args.seeds):
        for name, kind in (("flow", ""), ("GAN", ":gan")):
            made, held_out, seconds = generated(
                f"{CONFIG}{kind}", out / f"{name}-{seed}", seed, DRAWN, {"data.path": args.data}
            )
            ours, truth = observables(made), observables(held_out)
            row = {"seconds": seconds} | {f"ks {x}": float(ks_2samp(ours[x], truth[x]).statistic) for x in truth}
            for x in ("m_ee", "few", "many"):
                row[f"median {x}"], row[f"width {x}"] = map(float, median_and_width(ours[x], np.ones(len(ours[x]))))
            found[name].append(row)
            print(seed, name, {key: round(value, 3) for key, value in row.items()}, flush=True)
            if seed == 0:
                shown |= {"truth": truth, name: ours}
            (out / "drell_yan_met.json").write_text(json.dumps(found, indent=2))
    true = {}
    for x in ("m_ee", "few", "many"):
        true[f"median {x}"], true[f"width {x}"] = map(float, median_and_width(every[x], np.ones(len(every[x]))))
    forms = {"ks": "{:.3f}", "median": "{:.1f}", "width": "{:.1f}", "seconds": "{:.0f}"}
    rows = [
        [key, *(cell([row.get(key) for row in rows], forms[key.split()[0]]) for rows in ([true], *found.values()))]
        for key in found["flow"][0]
    ]
    print(markdown(["", "truth", *found], rows))
    panels.draw(shown, SHOWN, out / "drell_yan_met.png")


def main():
    parser = command.parser(__doc__, "runs/drell_yan_met")
    parser.add_argument("--data", required=True)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
