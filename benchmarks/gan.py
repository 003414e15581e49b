"""The papers' adversarial unfolding beside other methods: bulk, cuts, an injected W', over several seeds.

python benchmarks/gan.py --config configs/fcgan.py --name fcgan [--seeds 0,1,2] [--data FILE]
python benchmarks/gan.py --table
python benchmarks/gan.py --figure RUN1,RUN2,... --out FILE.png

The first trains what is not there in runs/quality/NAME-SEED (as benchmarks/quality.py does), does both experiments on
the test events with 30 draws each, and leaves benchmarks/results/gan/NAME.json and the pages in the runs. The second
prints the tables as Markdown. The third draws m_jj of several runs, the papers' comparison of MMD terms.
"""

import argparse
import json
import os
from pathlib import Path

from seeds import cell, markdown, trained

import jaxunfold
from jaxunfold.data.events import read
from jaxunfold.data.location import resolve
from jaxunfold.evaluate import held_out
from jaxunfold.evaluation import compared, suited, unfold_with_progress
from jaxunfold.experiments import experiment_of
from jaxunfold.experiments.cuts import ALL
from jaxunfold.report import style
from jaxunfold.report.comparison import spectra_figure

RESULTS = Path(__file__).parent / "results" / "gan"
DRAWS = 30
NAMES = ("pt_q1", "pt_q2", "pt_jj", "m_jj")


def one_run(args: argparse.Namespace, seed: int) -> dict:
    """Train (or find) one seed, do the experiments that are not there yet, and return their numbers."""
    workdir = Path("runs/quality") / f"{args.name}-{seed}"
    trained(args.config, workdir, seed, args.data or "")
    run, out = jaxunfold.load(workdir), {"seed": seed}
    for name in ("cuts", "wprime"):
        page = workdir / name / f"{name}.json"
        if not page.exists():
            path = resolve(run.config.data.path)
            events = held_out([run], path, read(path, require_truth=True))[: run.config.evaluation.events]
            experiment_of(name)(run, events, workdir / name, DRAWS, seed)
        out[name] = json.loads(page.read_text())
    last = json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])
    out["draw_spread"] = last["valid"].get("draw_spread")
    return out


def column(runs, region: str, name: str, key: str, form: str, shift: float = 0.0) -> str:
    """A number of one observable in one region, over the seeds."""
    values = [run["cuts"][region]["observables"][name].get(key) for run in runs]
    return cell([None if value is None else value - shift for value in values], form)


def peak_row(name: str, runs) -> list[str]:
    """What became of the injected W' events."""
    peaks, windows = ([run["wprime"][key] for run in runs] for key in ("peak", "window"))
    ours = [peak.get("unfolded") or {} for peak in peaks]
    return [
        name, cell([x.get("median") for x in ours], "{:.0f}"), cell([x.get("off") for x in ours], "{:+.1%}"),
        cell([x.get("width") for x in ours], "{:.1f}"), f"{peaks[0]['truth']['width']:.1f}",
        cell([window["unfolded"]["share"] for window in windows], "{:.1%}"), f"{windows[0]['truth']['share']:.1%}",
    ]  # fmt: skip


def tables() -> str:
    """Bulk and calibration, cuts, and the W' peak, a row for each method."""
    found = {path.stem: json.loads(path.read_text())["runs"] for path in sorted(RESULTS.glob("*.json"))}
    regions = [name for name in next(iter(found.values()))[0]["cuts"] if name != ALL]
    header = ["", *(f"bulk {x} off by" for x in NAMES), "m_jj width off by", "calibration pt_q1", "calibration m_jj"]
    rows = [
        [
            name,
            *(column(runs, ALL, x, "bulk_deviation", "{:.0%}") for x in NAMES),
            column(runs, ALL, "m_jj", "width_ratio", "{:+.1%}", 1),
            *(column(runs, ALL, x, "calibration_max_deviation", "{:.3f}") for x in ("pt_q1", "m_jj")),
            cell([run["draw_spread"] for run in runs], "{:.2f}"),
            str(len(runs)),
        ]
        for name, runs in found.items()
    ]
    parts = [markdown([*header, "draw spread", "seeds"], rows)]
    for title, x, key, form, shift, which in (
        ("triangular distance on pt_q1", "pt_q1", "triangular", "{:.1f}", 0, regions),
        ("pt_q1 followed", "pt_q1", "followed", "{:.0%}", 0, regions),
        ("m_jj width off by", "m_jj", "width_ratio", "{:+.0%}", 1, [ALL, *regions]),
    ):
        rows = [[name, *(column(runs, r, x, key, form, shift) for r in which)] for name, runs in found.items()]
        parts.append(markdown([title, *which], rows))
    header = [
        "W' events",
        "median [GeV]",
        "off 1300 by",
        "width [GeV]",
        "truth's width",
        "in 1.1 to 1.5 TeV",
        "truth",
    ]
    return "\n\n".join([*parts, markdown(header, [peak_row(name, runs) for name, runs in found.items()])])


def draw_figure(workdirs: list[str], out: str) -> None:
    """m_jj of several runs on their test events, close up and whole: arXiv:1912.00477, Fig. 14."""
    data, names = {}, [Path(workdir).name.rsplit("-", 1)[0] for workdir in workdirs]
    shared = len(os.path.commonprefix(names)) if len(names) > 1 else 0  # noqa: RUF071, by letters
    for name, workdir in zip(names, workdirs):
        run = jaxunfold.load(workdir)
        path = resolve(run.config.data.path)
        events = suited(run, held_out([run], path, read(path, require_truth=True))[: run.config.evaluation.events])
        data[name[shared:]] = compared(run, events, unfold_with_progress(run, events, DRAWS, 0))
    with style.context():
        figure = spectra_figure(data, [("m_jj", False, True), ("m_jj", True, False)])
        figure.savefig(out, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config")
    parser.add_argument("--name")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--data")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--figure", default="")
    parser.add_argument("--out", default="mmd.png")
    args = parser.parse_args()
    if args.table:
        print(tables())
        return
    if args.figure:
        draw_figure(args.figure.split(","), args.out)
        return
    if not (args.config and args.name):
        parser.error("expected --config and --name, or --table, or --figure")
    RESULTS.mkdir(parents=True, exist_ok=True)
    runs = []
    for seed in args.seeds.split(","):
        runs.append(one_run(args, int(seed)))
        text = json.dumps({"config": args.config, "draws": DRAWS, "runs": runs}, indent=2)
        (RESULTS / f"{args.name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
