"""Train configs with several seeds, evaluate each on held-out events, and keep the numbers side by side.

python benchmarks/quality.py --config configs/cinn.py --name embedded [--seeds 0,1,2] [--data FILE]
    [--config.KEY=VALUE ...]
python benchmarks/quality.py --table [--only NAME1,NAME2,...]

The first leaves benchmarks/results/NAME.json and the runs in runs/quality/NAME-SEED; started again it goes on.
The second prints the summary and the calibration of every observable of all results, or of those named, as Markdown
for benchmarks/quality.md, and draws benchmarks/figures/methods.png. A number that a result does not have is a dash.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib import ticker
from seeds import cell, markdown, trained

from jaxunfold.report import style
from jaxunfold.training.callbacks import read_metrics

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
LEAVES = [f"{kind}_{leaf}" for kind in ("pt", "eta") for leaf in ("e-", "e+", "q1", "q2")]
OBSERVABLES = [*LEAVES, "m_ll", "m_jj", "pt_jj"]
PERFECT = 1.3
"""Calibration of a perfect posterior, worst of 11 observables, times the root of the number of events."""


def one_run(args: argparse.Namespace, seed: int) -> dict:
    """Train (or go on with) one seed and return its numbers."""
    workdir = Path("runs/quality") / f"{args.name}-{seed}"
    report = trained(args.config, workdir, seed, args.data, args.overrides)
    metrics = json.loads((report / "metrics.json").read_text())
    return summarise(metrics) | {"seed": seed} | times(read_metrics(str(workdir / "metrics.jsonl")))


def summarise(metrics: Mapping) -> dict:
    """A row of the table, from the contents of metrics.json; None where it has no such number."""
    observables = {name: metrics["observables"][name] for name in OBSERVABLES if name in metrics["observables"]}
    calibration = {name: entry["calibration_max_deviation"] for name, entry in observables.items()}
    known = [value for value in calibration.values() if value is not None]
    jj = observables.get("m_jj")
    return {
        "events": metrics["n_events"],
        "draws": metrics["draws"],
        "calibration": calibration,
        "calibration_worst": max(known) if known else None,
        "coverage_68": {name: entry["coverage_68"] for name, entry in observables.items()},
        "auc_marginal": metrics["classifier_auc_marginal"],
        "auc_joint": metrics["classifier_auc"],
        "ks_m_jj": jj and jj["ks"],
        "ks_m_ll": observables["m_ll"]["ks"] if "m_ll" in observables else None,
        "median_m_jj_off": jj and jj["median"] - jj["truth_median"],
        "width_m_jj_off": jj and jj["width_68"] / jj["truth_width_68"] - 1,
        "balance": metrics.get("momentum_balance"),
        "draws_per_second": metrics["timing"]["draws_per_second"],
        "parameters": metrics.get("parameters"),
    }


def times(history: list[dict]) -> dict:
    """Wall, CPU and compile seconds of a training, added up over its stages; None where they are not known.

    Compilation is what the first epoch took longer than the second; it is a part of the wall seconds.
    """
    out = {"training_s": None, "training_cpu_s": None, "compile_s": None}

    def add(name, value):
        out[name] = (out[name] or 0.0) + value

    for stage in dict.fromkeys(line["stage"] for line in history):
        lines = [line for line in history if line["stage"] == stage]
        add("training_s", lines[-1]["seconds"])
        if "cpu_seconds" in lines[-1]:
            add("training_cpu_s", lines[-1]["cpu_seconds"])
        if len(lines) > 1:
            add("compile_s", max(0.0, 2 * lines[0]["seconds"] - lines[1]["seconds"]))
    return out


COLUMNS = {
    "calibration, worst": ("calibration_worst", "{:.4f}"),
    "joint AUC": ("auc_joint", "{:.4f}"),
    "marginal AUC": ("auc_marginal", "{:.4f}"),
    "KS m_jj": ("ks_m_jj", "{:.4f}"),
    "KS m_ll": ("ks_m_ll", "{:.4f}"),
    "median m_jj off [GeV]": ("median_m_jj_off", "{:+.3f}"),
    "68 % width m_jj off": ("width_m_jj_off", "{:+.1%}"),
    "momentum balance": ("balance", "{:.0e}"),
    "training, CPU [s]": ("training_cpu_s", "{:.0f}"),
    "training, wall [s]": ("training_s", "{:.0f}"),
    "of it compiling [s]": ("compile_s", "{:.0f}"),
    "parameters": ("parameters", "{:,.0f}"),
    "draws/s": ("draws_per_second", "{:,.0f}"),
    "test events x draws": ("tested", "{}"),
    "seeds": ("seeds", "{}"),
}


def read_results(only: str = "") -> dict[str, dict]:
    """{name: contents} of benchmarks/results/*.json, all or "NAME1,NAME2", in that order.

    Raises: SystemExit for a name that has no result.
    """
    found = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    found = {name: result for name, result in found.items() if "runs" in result}
    chosen = [name.strip() for name in only.split(",") if name.strip()] or list(found)
    if missing := [name for name in chosen if name not in found]:
        raise SystemExit(f"--only: expected names among {', '.join(found)}, found {missing[0]!r}")
    return {name: found[name] for name in chosen}


def values(result: Mapping, value: Callable[[dict], float | None]) -> list[float]:
    """A number of every seed that has it."""
    return [x for run in result["runs"] if (x := value(run)) is not None]


def summary_table(results: Mapping[str, dict]) -> str:
    """A row for every result: mean and range over its seeds."""
    rows = []
    for name, result in results.items():
        runs = result["runs"]
        cells = [
            cell(values(result, lambda run, k=key: run.get(k)), form) for key, form in list(COLUMNS.values())[:-2]
        ]
        rows.append([name, *cells, f"{runs[0]['events']:,} x {runs[0]['draws']}", str(len(runs))])
    return markdown(["", *COLUMNS], rows)


def calibration_table(results: Mapping[str, dict]) -> str:
    """A row for every result, a column for every observable: mean and range of the largest deviation."""
    names = [
        name for name in OBSERVABLES if any(name in run["calibration"] for r in results.values() for run in r["runs"])
    ]
    rows = [
        [name, *(cell(values(result, lambda run, x=x: run["calibration"].get(x)), "{:.4f}") for x in names)]
        for name, result in results.items()
    ]
    return markdown(["calibration", *names], rows)


PANELS = {
    "calibration_worst": "worst calibration",
    "auc_joint": "joint classifier AUC",
    "draws_per_second": "draws per second",
}


def methods_figure(results: Mapping[str, dict]):
    """Mean and range over the seeds of every result: worst calibration, joint AUC and speed, a line each."""
    figure = style.new_figure(10, 0.38 * len(results) + 1.3)
    axes = figure.subplots(1, len(PANELS), sharey=True)
    for ax, (key, title) in zip(axes, PANELS.items()):
        for i in range(0, len(results), 2):
            ax.axhspan(i - 0.5, i + 0.5, color=style.TRUTH_FILL, alpha=0.35, lw=0)
        for i, result in enumerate(results.values()):
            if found := values(result, lambda run, k=key: run.get(k)):
                mean, low, high = sum(found) / len(found), min(found), max(found)
                ax.plot([low, high], [i, i], color=style.RECO, lw=2.2, solid_capstyle="butt", alpha=0.6)
                ax.plot(mean, i, "o", ms=5.5, color=style.RECO)
        ax.set(xlabel=title, ylim=(len(results) - 0.5, -0.5))
    events = {run["events"] for result in results.values() for run in result["runs"]}
    perfect = {"auc_joint": 0.5, "calibration_worst": PERFECT / min(events) ** 0.5 if len(events) == 1 else None}
    for ax, key in zip(axes, PANELS):
        if key == "draws_per_second":
            ax.set_xscale("log")
            ax.margins(x=0.1)
            low, high = ax.dataLim.intervalx
            ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if high < 20 * low else (1,)))
            ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
            ax.xaxis.set_minor_formatter(ticker.NullFormatter())
            continue
        if perfect[key] is not None:
            ax.axvline(perfect[key], color=style.TRUTH, lw=1, ls="--", label="a perfect posterior")
        low, high = ax.dataLim.intervalx
        ax.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    axes[0].set_yticks(range(len(results)), list(results))
    axes[0].tick_params(axis="y", length=0)
    if handles := axes[1].get_legend_handles_labels()[0]:
        figure.legend(handles, ["a perfect posterior"], loc="outside upper right")
    return figure


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config")
    parser.add_argument("--name", help="of the result")
    parser.add_argument("--data", default="")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--only", default="", help="results to show, NAME1,NAME2,...")
    args, args.overrides = parser.parse_known_args()
    if unknown := [text for text in args.overrides if not text.startswith("--config.")]:
        parser.error(f"expected --config.KEY=VALUE, found {unknown[0]}")
    if args.table:
        results = read_results(args.only)
        print(summary_table(results), calibration_table(results), sep="\n\n")
        with style.context():
            style.save(methods_figure(results), str(FOLDER / "figures"), "methods")
        return
    if not args.config or not args.name:
        parser.error("--config and --name are needed, or --table")
    RESULTS.mkdir(exist_ok=True)
    runs = []
    for seed in (int(text) for text in args.seeds.split(",")):
        runs.append(one_run(args, seed))
        record = {"config": args.config, "overrides": args.overrides, "data": Path(args.data).name, "runs": runs}
        (RESULTS / f"{args.name}.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
