"""The thesis's Bayesian toys over seeds: place of the dip, fits, training statistics, width of the prior.

python benchmarks/ramps.py --ramps wedge,quadratic,half_ring [--seeds 0,1,2] [--points 300000] [--name base]
python benchmarks/ramps.py --ramps quadratic --points 10000 --name 10k      # the same number of updates
python benchmarks/ramps.py --ramps quadratic --name prior_0.1 -- --config.model.prior_width=0.1
python benchmarks/ramps.py --table

Trains ``configs/bayesian_ramp.py`` in runs/ramps/RAMP-NAME-SEED on points of its own for each seed, and leaves
benchmarks/results/bayesian/ramp-RAMP-NAME.json.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from seeds import cell, markdown, trained

RESULTS = Path(__file__).parent / "results" / "bayesian"
RAMPS = ("wedge", "quadratic", "half_ring")
EPOCHS_AT = 300_000 * 32
"""Points times epochs: all trainings make as many updates."""


def one_run(ramp: str, args: argparse.Namespace, seed: int) -> dict:
    """Simulate and train, or find what is there; the numbers of the experiment."""
    folder = Path("runs/ramps")
    folder.mkdir(parents=True, exist_ok=True)
    points = folder / f"{ramp}-{args.points}-{seed}.h5"
    if not points.exists():
        command = [sys.executable, "-m", "jaxunfold.simulate", "--config", f"configs/data/ramp.py:{ramp}"]
        subprocess.run(
            [*command, "--events", str(args.points), "--seed", str(seed), "--out", str(points)], check=True
        )
    workdir = folder / f"{ramp}-{args.name}-{seed}"
    words = list(args.words)
    if not any("training.epochs" in word for word in words):
        words.append(f"--config.training.epochs={EPOCHS_AT // args.points}")
    if args.points < 30_000:
        words += ["--config.data.test=2000", "--config.data.valid=500"]
    trained(args.config, workdir, seed, str(points), words)
    out = json.loads((workdir / "ramp" / "ramp.json").read_text())
    last = json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])
    return out | {"seed": seed, "nll": last["train"]["nll"], "kl": last["train"]["kl"], "cpu": last["cpu_seconds"]}


def table() -> str:
    """One line for every ramp and name."""
    header = (
        "ramp", "run", "dip at", "sigma_pred(0.5)", "smallest sigma / p", "points within sigma", "fitted widths",
        "fit off by", "marginal sigma, own points", "same points", "bins within", "CPU s", "seeds",
    )  # fmt: skip
    rows = []
    for ramp in RAMPS:
        for path in sorted(RESULTS.glob(f"ramp-{ramp}-*.json")):
            runs = json.loads(path.read_text())
            widths = ", ".join(
                f"{name} {cell([r['widths'][name] for r in runs], '{:.4f}')}" for name in runs[0]["widths"]
            )
            sides = [[r["marginal"]["x"][key] for r in runs] for key in ("own", "same", "covered")]
            rows.append([
                ramp.replace("_", " "), path.stem.removeprefix(f"ramp-{ramp}-"),
                cell([r["dip"] for r in runs], "{:.2f}"), cell([r["spread"].get("0.5") for r in runs], "{:.3f}"),
                cell([r["relative"] for r in runs], "{:.1%}"), cell([r["covered"] for r in runs], "{:.0%}"), widths,
                cell([r["fit_residual"] for r in runs], "{:.0%}"),
                *(cell(side, form) for side, form in zip(sides, ("{:.3f}", "{:.3f}", "{:.0%}"), strict=True)),
                cell([r["cpu"] for r in runs], "{:.0f}"), str(len(runs)),
            ])  # fmt: skip
    return markdown(header, rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ramps", default=",".join(RAMPS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--points", type=int, default=300_000)
    parser.add_argument("--name", default="base")
    parser.add_argument("--config", default="configs/bayesian_ramp.py")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("words", nargs="*", help="overrides for train, after --")
    args = parser.parse_args()
    if args.table:
        print(table())
        return
    RESULTS.mkdir(parents=True, exist_ok=True)
    for ramp in args.ramps.split(","):
        found = [one_run(ramp, args, int(seed)) for seed in args.seeds.split(",")]
        (RESULTS / f"ramp-{ramp}-{args.name}.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
