"""Train a config with several seeds, evaluate each on held-out events, and keep the numbers side by side.

python benchmarks/quality.py --config configs/cinn.py --name embedded [--seeds 0,1,2] [--data FILE]
python benchmarks/quality.py --table

The first leaves benchmarks/results/NAME.json and the runs in runs/quality/NAME-SEED; started again it goes on.
The second prints the table of all results as Markdown, for benchmarks/quality.md.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
LEAVES = [f"{kind}_{leaf}" for kind in ("pt", "eta") for leaf in ("e-", "e+", "q1", "q2")]
OBSERVABLES = [*LEAVES, "m_ll", "m_jj", "pt_jj"]


def one_run(args: argparse.Namespace, seed: int) -> dict:
    """Train (or go on with) one seed and return its numbers."""
    workdir = Path("runs/quality") / f"{args.name}-{seed}"
    command = [sys.executable, "-m", "jaxunfold.train", "--config", args.config, "--workdir", str(workdir)]
    command += [f"--config.training.seed={seed}"] + (["--data", args.data] if args.data else [])
    if not (workdir / "report" / "metrics.json").exists():
        subprocess.run(command, check=True)
    metrics = json.loads((workdir / "report" / "metrics.json").read_text())
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return summarise(metrics) | {"seed": seed, "training_s": json.loads(lines[-1])["seconds"]}


def summarise(metrics: dict) -> dict:
    """The rows of the table, from the contents of metrics.json."""
    observables = metrics["observables"]
    calibration = {name: observables[name]["calibration_max_deviation"] for name in OBSERVABLES}
    jj = observables["m_jj"]
    return {
        "events": metrics["n_events"],
        "draws": metrics["draws"],
        "calibration": calibration,
        "calibration_worst": max(calibration.values()),
        "coverage_68": {name: observables[name]["coverage_68"] for name in OBSERVABLES},
        "auc_marginal": metrics["classifier_auc_marginal"],
        "auc_joint": metrics["classifier_auc"],
        "ks_m_jj": observables["m_jj"]["ks"],
        "ks_m_ll": observables["m_ll"]["ks"],
        "median_m_jj_off": jj["median"] - jj["truth_median"],
        "width_m_jj_off": jj["width_68"] / jj["truth_width_68"] - 1,
        "balance": metrics["momentum_balance"],
        "draws_per_second": metrics["timing"]["draws_per_second"],
    }


ROWS = {
    "calibration, worst of 11": ("calibration_worst", "{:.4f}"),
    "classifier_auc_marginal": ("auc_marginal", "{:.4f}"),
    "classifier_auc (reco shown)": ("auc_joint", "{:.4f}"),
    "KS m_jj": ("ks_m_jj", "{:.4f}"),
    "KS m_ll": ("ks_m_ll", "{:.4f}"),
    "median of m_jj off by [GeV]": ("median_m_jj_off", "{:+.3f}"),
    "68 % width of m_jj off by": ("width_m_jj_off", "{:+.2%}"),
    "momentum balance": ("balance", "{:.1e}"),
    "training [s]": ("training_s", "{:.0f}"),
    "draws per second": ("draws_per_second", "{:.3g}"),
}


def table() -> str:
    """Mean and range over the seeds of every result, as Markdown."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    lines = ["| | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    for title, (key, form) in ROWS.items():
        cells = []
        for result in results.values():
            values = [run[key] for run in result["runs"]]
            mean = form.format(sum(values) / len(values))
            spread = f" ({form.format(min(values))} to {form.format(max(values))})" if len(values) > 1 else ""
            cells.append(mean + spread)
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines.append("| test events x draws, seeds | ")
    for result in results.values():
        first = result["runs"][0]
        lines[-1] += f"{first['events']} x {first['draws']}, {len(result['runs'])} | "
    return "\n".join(line.rstrip() for line in lines)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config")
    parser.add_argument("--name", help="of the result")
    parser.add_argument("--data", default="")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if args.table:
        print(table())
        return
    if not args.config or not args.name:
        parser.error("--config and --name are needed, or --table")
    RESULTS.mkdir(exist_ok=True)
    runs = []
    for seed in (int(text) for text in args.seeds.split(",")):
        runs.append(one_run(args, seed))
        record = {"config": args.config, "data": Path(args.data).name, "runs": runs}
        (RESULTS / f"{args.name}.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
