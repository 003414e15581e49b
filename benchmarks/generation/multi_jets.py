"""Multi-jets from a flow and a GAN, and how far their tails may be trusted: arXiv:2008.08558, Figs. 10 and 11.

    python -m jaxunfold.simulate --config configs/data/multi_jets.py --events 8000 --seed 1 --out multi_jets.h5
    python -m jaxunfold.simulate --config configs/data/multi_jets.py:tail --events 5000 --seed 2 --out tail.h5
    python -m jaxunfold.simulate --config configs/data/multi_jets.py:reference --events 4000 --seed 3 --out ref.h5
    python -m benchmarks.generation.multi_jets --data multi_jets.h5 --out runs/multi_jets --seeds 3
    python -m benchmarks.generation.multi_jets --tail tail.h5 --reference ref.h5 --out runs/multi_jets

The first call to the benchmark compares generated events with held-out ones. The second trains on the tail sample,
whose m_jj is compared with the reference beyond the training's last events, beside a fit to the same training events
of p0 (1 - x)^p1 x^(-p2 - p3 ln x), x = m_jj / sqrt(s).
"""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.stats import ks_2samp

from benchmarks import command
from benchmarks.generation import panels
from benchmarks.seeds import cell, generated, markdown
from jaxunfold.errors import InputError
from jaxunfold.report import style
from jaxunfold.simulation.multi_jets import COLUMNS

CONFIG = Path(__file__).parents[2] / "configs" / "generate_multi_jets.py"
SQRT_S, LOW, DRAWN = 13000.0, 1500.0, 200_000
TAIL = np.concatenate([np.arange(1500, 3000, 100), np.arange(3000, 4500, 250), np.arange(4500, 8001, 500)])
SHOWN = {
    "pt_j1": ("$p_T$ of the first jet [GeV]", np.linspace(100, 800, 36)),
    "pt_j2": ("$p_T$ of the second jet [GeV]", np.linspace(50, 700, 36)),
    "eta_j1": ("$\\eta$ of the first jet", np.linspace(-2.5, 2.5, 26)),
    "m_j1": ("mass of the first jet [GeV]", np.linspace(0, 250, 36)),
    "m_jj": ("$m_{jj}$ [GeV]", np.linspace(200, 2500, 36)),
    "recoil": ("$p_T$ of both jets together [GeV]", np.linspace(0, 400, 36)),
}


def observables(table):
    """{name: [n]} of rows [n, 7] as ``simulation.multi_jets.COLUMNS``."""
    pt1, eta1, m1, pt2, eta2, m2, dphi = np.asarray(table, np.float64).T
    energy = np.sqrt(m1**2 + (pt1 * np.cosh(eta1)) ** 2) + np.sqrt(m2**2 + (pt2 * np.cosh(eta2)) ** 2)
    along = pt1 * np.sinh(eta1) + pt2 * np.sinh(eta2)
    recoil2 = pt1**2 + pt2**2 - 2 * pt1 * pt2 * np.cos(dphi)
    mass = np.sqrt(np.maximum(energy**2 - along**2 - recoil2, 0))
    return {
        "pt_j1": pt1, "eta_j1": eta1, "m_j1": m1, "pt_j2": pt2, "eta_j2": eta2, "m_j2": m2, "dphi": dphi,
        "m_jj": mass, "recoil": np.sqrt(np.maximum(recoil2, 0)),
    }  # fmt: skip


def chi2(ours, truth, edges):
    """Per bin of a histogram with ten true events or more, with the errors of both samples."""
    a, b = (np.histogram(x, edges)[0].astype(float) for x in (ours, truth))
    scale = len(truth) / len(ours)
    kept = b >= 10
    return float(np.mean((a * scale - b)[kept] ** 2 / (b + scale**2 * a)[kept]))


def spectra(args, out):
    """Generated events against held-out ones over the seeds: numbers, a table, and the first seed's figure."""
    found, shown = {"flow": [], "GAN": []}, {}
    for seed in range(args.seeds):
        for name, kind in (("flow", ""), ("GAN", ":gan")):
            made, held_out, seconds = generated(
                f"{CONFIG}{kind}", out / f"{name}-{seed}", seed, DRAWN, {"data.path": args.data}
            )
            ours, truth = observables(made), observables(held_out)
            row = {"seconds": seconds, "out of order": float(np.mean(ours["pt_j2"] > ours["pt_j1"]))}
            row |= {f"ks {x}": float(ks_2samp(ours[x], truth[x]).statistic) for x in truth}
            row |= {f"chi2 {x}": chi2(ours[x], truth[x], edges) for x, (_, edges) in SHOWN.items()}
            found[name].append(row)
            print(seed, name, {key: round(value, 3) for key, value in row.items()}, flush=True)
            if seed == 0:
                shown |= {"truth": truth, name: ours}
            (out / "spectra.json").write_text(json.dumps(found, indent=2))
    forms = {"ks": "{:.3f}", "chi2": "{:.1f}", "out": "{:.3f}", "seconds": "{:.0f}"}
    rows = [
        [key, *(cell([row[key] for row in rows], forms[key.split()[0]]) for rows in found.values())]
        for key in found["flow"][0]
    ]
    print(markdown(["", *found], rows))
    panels.draw(shown, SHOWN, out / "multi_jets.png", logarithmic=SHOWN.keys() - {"eta_j1"})


def four_parameters(mass):
    """Shares of the bins of ``TAIL`` by maximum likelihood of the four-parameter function on masses [n] above LOW."""
    grid = np.linspace(LOW, SQRT_S - 1, 20_001)
    x, at = grid / SQRT_S, mass / SQRT_S

    def log_shape(x, p):
        return p[0] * np.log1p(-x) - (p[1] + p[2] * np.log(x)) * np.log(x)

    def loss(p):
        shape = log_shape(x, p)
        top = shape.max()
        return -np.mean(log_shape(at, p)) + top + np.log(np.trapezoid(np.exp(shape - top), grid))

    p = minimize(loss, [10.0, 5.0, 0.0], method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-9}).x
    shape = np.exp(log_shape(x, p) - log_shape(x, p).max())
    inside = np.concatenate([[0], np.cumsum(0.5 * (shape[1:] + shape[:-1]) * np.diff(grid))])
    return np.interp(TAIL, grid, inside / inside[-1])


def tails(args, out):
    """The tail of m_jj of a flow and of the fit, over the reference's."""
    file = command.table(args.reference, COLUMNS)
    reference, weight = observables(file.truth)["m_jj"], file.weight / file.weight.sum()
    rng, above, models = np.random.default_rng(0), {}, {}
    # the config's split holds back a third, which the fit does not see either
    made, held_out, seconds = generated(
        str(CONFIG), out / "tail", 0, DRAWN, {"data.path": args.tail, "training.epochs": "8"}
    )
    ours, held_out = observables(made), observables(held_out)
    every = observables(command.table(args.tail, COLUMNS).truth)["m_jj"]
    train = np.setdiff1d(every, held_out["m_jj"])
    models["fit"] = 1 - four_parameters(train)
    models["flow"] = np.array([np.mean(ours["m_jj"] > low) for low in TAIL])
    models["training events"] = np.array([np.mean(train > low) for low in TAIL])
    true = np.array([weight[reference > low].sum() for low in TAIL])
    error = np.array([np.sqrt(np.sum(weight[reference > low] ** 2)) for low in TAIL])
    again = np.array([1 - four_parameters(rng.choice(train, len(train))) for _ in range(20)])
    for low in (2000, 2500, 3000, 3500, 4000, 4500, 5000, 5500, 6000):
        at = int(np.searchsorted(TAIL, low))
        above[low] = {
            "expected": len(train) * true[at],
            "reference": 1.0,
            "error": error[at] / true[at],
            **{name: share[at] / true[at] for name, share in models.items()},
            "fit, spread": again[:, at].std() / true[at],
        }
        print(low, {name: round(float(value), 3) for name, value in above[low].items()}, flush=True)
    print("training events", len(train), "largest", train.max(), "flow CPU seconds", seconds, flush=True)
    (out / "tail.json").write_text(
        json.dumps({str(k): {n: float(v) for n, v in x.items()} for k, x in above.items()})
    )
    with style.context():
        plot = style.new_figure(6.5, 6)
        top, bottom = plot.subplots(2, 1, height_ratios=(1.5, 1), sharex=True)
        count = len(train)
        colours = {"training events": style.TRUTH, "fit": style.UNFOLDED, "flow": style.RECO}
        top.plot(TAIL, count * true, color=style.SERIES[2], label="reference")
        over = np.maximum(true, 1e-12)
        bottom.fill_between(TAIL, 1 - error / over, 1 + error / over, color=style.SERIES[2], alpha=0.3, lw=0)
        for name, colour in colours.items():
            top.plot(TAIL, count * models[name], color=colour, label=name, lw=1.3)
            bottom.plot(TAIL, models[name] / over, color=colour, lw=1.3)
        top.set(yscale="log", ylim=(1e-3, 2 * count), ylabel=f"events above, of {count}")
        bottom.set(xlabel="$m_{jj}$ [GeV]", ylabel="over reference", ylim=(0, 3), xlim=(TAIL[0], 7000))
        top.legend()
        plot.savefig(out / "tail.png", dpi=110)


def carry_out(args, out):
    if not args.data and not (args.tail and args.reference):
        raise InputError("expected --data, or --tail with --reference, found neither")
    if args.data:
        command.table(args.data, COLUMNS)
        spectra(args, out)
    if args.tail:
        tails(args, out)


def main():
    parser = command.parser(__doc__, "runs/multi_jets")
    parser.add_argument("--data", default="")
    parser.add_argument("--tail", default="")
    parser.add_argument("--reference", default="")
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
