"""Unfolding with jet radiation: train the combined and the exclusive networks, keep their numbers by multiplicity.

python benchmarks/jets.py --data zw_jets.h5 [--networks combined,2,3,4] [--seeds 0,1,2]
python benchmarks/jets.py --table

The first leaves benchmarks/results/jets/NETWORK-SEED.json and the runs in runs/jets; started again it goes on. The
second prints the table of all results as Markdown, for benchmarks/quality.md. Networks train one after the other.
"""

import argparse
import json
from pathlib import Path

from seeds import cell, trained

RESULTS = Path(__file__).parent / "results" / "jets"
CONFIG = "configs/cinn_jets.py"
NETWORKS = {"combined": "", "2": ":2", "3": ":3", "4": ":4"}
EPOCHS = {"combined": 1, "2": 1, "3": 2, "4": 3}
"""Factors on the config's epochs: the fewer events a network has, the more often it sees them."""
CALIBRATED = ("pt_q1", "pt_q2", "m_jj", "m_ll")
CLASSES = ("n_jets=2", "n_jets=3", "n_jets>=4")


def allowed(num_events: int) -> float:
    """The largest calibration deviation asked for in a class of so many test events."""
    return 0.02 + 1.4 / num_events**0.5


def one_run(data: str, network: str, seed: int, epochs: int) -> dict:
    """Train (or go on with) one network and return its numbers."""
    workdir = Path("runs/jets") / f"{network}-{seed}"
    passes = f"--config.training.epochs={epochs * EPOCHS[network]}"
    report = trained(CONFIG + NETWORKS[network], workdir, seed, data, [passes])
    metrics = json.loads((report / "metrics.json").read_text())
    last = json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])
    about = json.loads((workdir / "problem.json").read_text())["about"]
    return summarise(metrics) | {
        "seed": seed,
        "epochs": epochs * EPOCHS[network],
        "training_s": last["seconds"],
        "training_events": about["train_events"],
        "valid_loss": last["valid"]["loss"],
    }


def summarise(metrics: dict) -> dict:
    """What the tables need, from the contents of metrics.json."""

    def of(part):
        mass = part["masses"]["m_jj"]
        return {
            "events": part["n_events"],
            "calibration": {name: entry["calibration_max_deviation"] for name, entry in part["observables"].items()},
            "ks": {name: entry["ks"] for name, entry in part["observables"].items()},
            "peak_shift": mass["peak_shift"],
            "peak_error": mass["stat_error"]["peak_shift"],
            "width_off": mass["width_ratio"] - 1,
            "width_error": mass["stat_error"]["width_ratio"],
            "width_m_ll_off": part["masses"]["m_ll"]["width_ratio"] - 1,
            "balance": part["momentum_balance"],
        }

    return of(metrics) | {
        "draws": metrics["draws"],
        "auc_joint": metrics["classifier_auc"],
        "auc_marginal": metrics["classifier_auc_marginal"],
        "classes": {label: of(part) for label, part in metrics["groups"].items()},
    }


def rows_of(label: str) -> dict:
    """Rows of the table of one class: title -> (value of a run's class, format)."""
    rows = {f"{label}, calibration {name}": (lambda x, n=name: x["calibration"][n], "{:.4f}") for name in CALIBRATED}
    rows[f"{label}, calibration, worst of all"] = (lambda x: max(x["calibration"].values()), "{:.4f}")
    rows[f"{label}, W peak off by [GeV]"] = (lambda x: x["peak_shift"], "{:+.3f}")
    rows[f"{label}, W width off by"] = (lambda x: x["width_off"], "{:+.1%}")
    rows[f"{label}, momentum balance"] = (lambda x: x["balance"], "{:.0e}")
    return rows


def table() -> str:
    """Combined against exclusive networks in every class, and the classifier, as Markdown."""
    runs: dict[str, list] = {}
    for path in sorted(RESULTS.glob("*.json")):
        record = json.loads(path.read_text())
        runs.setdefault(record["network"], []).append(record["run"])
    combined = runs.get("combined", [])
    lines = ["| | combined | exclusive | asked |", "|---|---|---|---|"]
    for label, network in zip(CLASSES, ("2", "3", "4")):
        for title, (value, form) in rows_of(label).items():
            cells = [
                cell([value(run["classes"][label]) for run in found if label in run["classes"]], form)
                for found in (combined, runs.get(network, []))
            ]
            sizes = [run["classes"][label]["events"] for run in combined if label in run["classes"]]
            asked = f"{allowed(sizes[0]):.3f}" if sizes and any(title.endswith(f" {x}") for x in CALIBRATED) else ""
            asked = "0.15" if "peak" in title else "10 %" if "width" in title else asked
            asked = "1e-4" if "balance" in title else asked
            lines.append(f"| {title} | {cells[0]} | {cells[1]} | {asked} |")
    for title, key, form, asked in (
        ("classifier AUC, measured event shown", "auc_joint", "{:.4f}", "0.68"),
        ("classifier AUC, truth alone", "auc_marginal", "{:.4f}", "0.52"),
        ("training [s]", "training_s", "{:.0f}", ""),
    ):
        every = "; ".join(
            f"{network} jets: {cell([run[key] for run in runs[network]], form)}"
            for network in ("2", "3", "4") if network in runs
        )  # fmt: skip
        lines.append(f"| {title} | {cell([run[key] for run in combined], form)} | {every} | {asked} |")
    return "\n".join(lines)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--networks", default="combined,2,3,4")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument(
        "--epochs", type=int, default=6, help="of the combined network; exclusive ones see as many events"
    )
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if args.table:
        print(table())
        return
    if not args.data:
        parser.error("--data is needed, or --table")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for network in args.networks.split(","):
        for seed in (int(text) for text in args.seeds.split(",")):
            run = one_run(args.data, network, seed, args.epochs)
            record = {
                "network": network,
                "config": CONFIG + NETWORKS[network],
                "data": Path(args.data).name,
                "run": run,
            }
            (RESULTS / f"{network}-{seed}.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
