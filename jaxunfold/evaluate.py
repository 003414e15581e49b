"""Evaluate a trained run on events with known truth: metrics.json and a report with figures.

python -m jaxunfold.evaluate --workdir DIR --data FILE --out DIR [--draws K] [--seed S] [--events N]
    [--covariance] [--vary PART=DIR1,DIR2 ...] [--experiment cuts|wprime]

With --covariance metrics.json also holds the covariance between the bins of every observable, by named parts: "data"
is the statistics of the measured events, and every --vary adds one from other runs that unfold the same events. One
run, trained on a file with another response, prior or model, is an alternative: a shift of one standard deviation.
Two are up and down. Three or more, with other seeds or bootstraps of the simulation, are replicas: the spread counts.
Variations that the run's config named were trained beside it and are there without being asked for.

With --experiment one of the papers' experiments is done on the same events, into OUT/NAME: cuts on the measured
events, or a W' that the training never saw.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import jaxunfold
from jaxunfold import cli, experiments
from jaxunfold.data import splits
from jaxunfold.data.columns import selected
from jaxunfold.data.events import Events, read
from jaxunfold.data.location import fingerprint, resolve, run_folder
from jaxunfold.errors import InputError
from jaxunfold.evaluation import OWN_PARTS, evaluate, headline
from jaxunfold.run import Run
from jaxunfold.training.callbacks import read_metrics

EXAMPLE = "--workdir model:zw_2jet --data sample:zw_2jet --events 1000 --out report"


def unseen_rows(run: Run, path: str, num_events: int) -> np.ndarray:
    """Rows of a file that the run was not trained on: its test part if it is the training file.

    Raises: InputError if the run was trained on this file and kept no test part.
    """
    if fingerprint(path) != run.about.get("data"):
        return np.arange(num_events)
    data = run.config.data
    rows = splits.split(num_events, data.valid, data.test, data.split_seed).test
    if not len(rows):
        raise InputError(f"{path}: the run was trained on this file and kept no test events of it")
    return rows


def held_out(runs: Sequence[Run], path: str, events: Events) -> Events:
    """The events of a file that none of the runs was trained on, of the kind that each was trained for.

    Raises: InputError if there are fewer than two.
    """
    rows = np.arange(len(events))
    for run in runs:
        if cuts := run.config.data.get("select"):
            rows = rows[selected(events, dict(cuts))[rows]]
        rows = np.intersect1d(rows, unseen_rows(run, path, len(events)))
    if len(rows) < 2:
        raise InputError(f"{path}: expected at least 2 events that were not trained on, found {len(rows)}")
    if len(rows) < len(events):
        cli.say(f"{path}: the training file, so only its {len(rows)} test events are used")
    return events[rows]


def variations(texts: Sequence[str]) -> dict[str, list[Run]]:
    """{part: runs} of "PART=DIR1,DIR2". Raises: InputError for a text of another form, or a part named twice."""
    out = {}
    for text in texts:
        part, _, folders = text.partition("=")
        if not part or not folders or part in out or part in OWN_PARTS:
            raise InputError(f"--vary: expected PART=DIR, with a name of its own, found {text!r}")
        out[part] = [jaxunfold.load(folder) for folder in folders.split(",")]
    return out


def recorded_variations(workdir: str) -> list[str]:
    """The variations that were trained beside a run, each as PART=DIR1,DIR2; see ``jaxunfold.train``."""
    parts = sorted(folder for folder in Path(workdir, "variations").glob("*") if folder.is_dir())
    return [f"{part.name}={','.join(str(folder) for folder in sorted(part.iterdir()))}" for part in parts]


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser("evaluate", "Evaluate a trained run.", EXAMPLE, workdir=True, data=True, out=True, seed=False)
    parser.add_argument("--draws", type=int, default=60, metavar="K", help="draws per event")
    parser.add_argument("--events", type=int, metavar="N", help="use the first N events")
    parser.add_argument("--covariance", action="store_true", help="between the bins of every observable")
    parser.add_argument("--experiment", default="", metavar="NAME", help="cuts or wprime, done as well")
    parser.add_argument("--vary", action="append", default=[], metavar="PART=DIR", help="a part from other runs")

    def body(args):
        cli.check_at_least(args, draws=1, events=2, seed=0)
        experiments.check_name(args.experiment)
        run = jaxunfold.load(args.workdir)
        asked = args.covariance or args.vary
        varied = variations([*recorded_variations(args.workdir), *args.vary]) if asked else None
        path = resolve(args.data)
        cli.check_writable_dir(args.out)
        others = [other for runs in (varied or {}).values() for other in runs]
        events = held_out([run, *others], path, read(path, require_truth=True))[: args.events]
        history = read_metrics(os.path.join(run_folder(args.workdir), "metrics.jsonl"))
        title = os.path.basename(os.path.normpath(args.workdir))
        metrics = evaluate(run, events, args.out, args.draws, args.seed, title, history, cli.say, varied)
        rows = headline(metrics) | {"report": os.path.join(args.out, "index.html")}
        rows |= experiments.carry_out(args.experiment, run, events, args.out, args.draws, args.seed)
        cli.summary(title, rows)

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
