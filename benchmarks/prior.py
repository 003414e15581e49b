"""Which method follows the data, which its prior: runs trained on zw_2jet unfold pseudo-data with another truth.

python benchmarks/prior.py --workdirs runs/cinn,runs/omnifold,... [--wprime FILE] [--draws 30] [--out DIR]

The pseudo-data are held-out events of the training file, kept with a probability that rises with the Z's transverse
momentum, 1 / (1 + exp((50 - pT) / 15)), so that each still counts once; with --wprime also a file of W' events.
Leaves DIR/prior.json, DIR/prior.md with a table of each, and figures. In the table "followed" is
1 - W1(unfolded, truth) / W1(prior, truth): one where the unfolded spectrum is the data's truth, zero where it is as
far from it as the training's.
"""

import argparse
import json
from pathlib import Path

import jax
import numpy as np

import jaxunfold
from jaxunfold.compare import labels_of
from jaxunfold.data.events import Events, read
from jaxunfold.data.location import resolve
from jaxunfold.data.splits import split
from jaxunfold.evaluate import held_out
from jaxunfold.evaluation import compared, suited
from jaxunfold.metrics.compared import momenta_observables
from jaxunfold.metrics.distances import density, wasserstein
from jaxunfold.metrics.distances import kolmogorov_smirnov as ks
from jaxunfold.metrics.quantiles import weighted_quantile
from jaxunfold.oracle import oracle
from jaxunfold.report import style
from jaxunfold.report.comparison import colours

NAME, UNIT = "pt_ll", "GeV"


def observable(events: Events, resonances: dict) -> np.ndarray:
    """pT of the Z at truth level, [n] in GeV."""
    return momenta_observables(events.truth, events.truth_names, resonances)[NAME]


def reweighted(events: Events, resonances: dict, seed: int = 0) -> Events:
    """A subsample whose transverse momentum is harder; every event counts as before."""
    keep = 1 / (1 + np.exp((50 - observable(events, resonances)) / 15))
    return events[np.random.default_rng(seed).uniform(size=len(events)) < keep]


def measure(prior, truth, weight, values, draw_weight) -> dict:
    """The row of a method: distances of its spectrum to the data's truth and to the training's."""
    flat, w = values.reshape(-1), draw_weight.reshape(-1)
    there = np.isfinite(flat)
    flat, w = flat[there], w[there]
    far = wasserstein(prior, truth, None, weight)
    return {
        "mean": float(np.average(flat, weights=w)), "ks_truth": ks(flat, truth, w, weight),
        "ks_prior": ks(flat, prior, w, None), "wasserstein_truth": wasserstein(flat, truth, w, weight),
        "followed": 1 - wasserstein(flat, truth, w, weight) / far,
    }  # fmt: skip


def draw_figure(out: Path, title: str, name: str, prior, truth, weight, columns: dict) -> None:
    """Spectra and their ratio to the data's truth; band: its statistical error."""
    edges = np.linspace(0, weighted_quantile(truth, np.array([0.995]), weight)[0], 31)
    centres, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    with style.context():
        figure = style.new_figure(7.0, 6.4)
        top, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (2.2, 1)})
        target = density(truth, edges, weight)
        error = np.sqrt(np.histogram(truth, edges, weights=weight**2)[0]) / (weight.sum() * widths)
        top.stairs(target, edges, fill=True, color=style.TRUTH_FILL, label="truth of the data")
        safe = np.where(target > 0, target, np.nan)
        below.fill_between(
            edges, *(np.append(1 + s * error / safe, np.nan) for s in (-1, 1)), step="post", color=style.TRUTH_FILL
        )
        prior_density = density(prior, edges)
        top.stairs(prior_density, edges, color=style.TRUTH, ls=":", lw=2, label="truth of the training")
        below.stairs(prior_density / safe, edges, color=style.TRUTH, ls=":", lw=2)
        for (label, (values, w)), (colour, line) in zip(columns.items(), colours(columns).values()):
            look = {"color": colour, "ls": line}
            found = density(values.reshape(-1), edges, w.reshape(-1))
            top.stairs(found, edges, label=label, **look)
            below.plot(centres, found / safe, marker=".", ms=4, lw=1.2, **look)
        top.set_ylabel(f"density [1/{UNIT}]")
        top.set_ylim(0, None)
        top.legend(title=title, alignment="left")
        below.axhline(1, color="k", lw=0.8)
        below.set(ylim=(0.4, 1.6), ylabel="ratio to truth", xlabel=r"$p_{T,\ell\ell}$ [GeV]", xlim=edges[[0, -1]])
        style.save(figure, str(out), f"prior_{name}")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdirs", required=True)
    parser.add_argument("--data", default="sample:zw_2jet", help="of the training")
    parser.add_argument("--wprime", default="")
    parser.add_argument("--draws", type=int, default=30)
    parser.add_argument("--events", type=int)
    parser.add_argument("--out", default="runs/prior")
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    runs = {label: jaxunfold.load(folder) for label, folder in labels_of(args.workdirs).items()}
    first, path = next(iter(runs.values())), resolve(args.data)
    everything = read(path, require_truth=True)
    data = first.config.data
    trained = everything[split(len(everything), data.valid, data.test, data.split_seed).train]
    prior = observable(trained, first.resonances)
    held = held_out(list(runs.values()), path, everything)
    samples = {"reweighted": ("pT of the Z reweighted", reweighted(held, first.resonances))}
    if args.wprime:
        samples["wprime"] = ("W' boson", read(resolve(args.wprime), require_truth=True))
    result, text = {}, []
    for name, (title, events) in samples.items():
        events, columns, rows = events[: args.events], {}, {}
        for label, run in runs.items():
            own = suited(run, events)
            found = compared(run, own, run.unfold(jax.random.key(0), own, args.draws))
            columns[label] = (found.draws[NAME], found.draw_weight)
            rows[label] = measure(prior, found.truth[NAME], found.weight, *columns[label])
            print(f"{name} {label}: {rows[label]}", flush=True)
        best = oracle(first, events)
        columns["oracle"] = (best.draws[NAME], best.draw_weight)
        rows["(oracle)"] = measure(prior, best.truth[NAME], best.weight, *columns["oracle"])
        truth, weight = found.truth[NAME], found.weight
        rows["(training)"] = measure(prior, truth, weight, prior, np.ones(len(prior)))
        rows["(truth)"] = measure(prior, truth, weight, truth, weight)
        result[name] = {"events": len(events), "draws": args.draws, "rows": rows}
        text += [f"{title}, {len(events)} events:", "", "| | mean pT [GeV] | KS to truth | KS to prior | followed |"]
        text += ["|---|---|---|---|---|"]
        text += [
            f"| {label} | {r['mean']:.1f} | {r['ks_truth']:.3f} | {r['ks_prior']:.3f} | {r['followed']:.1%} |"
            for label, r in rows.items()
        ]
        text.append("")
        draw_figure(out, title, name, prior, truth, weight, columns)
        (out / "prior.json").write_text(json.dumps(result, indent=1) + "\n")
        (out / "prior.md").write_text("\n".join(text))
    print("\n".join(text))


if __name__ == "__main__":
    main()
