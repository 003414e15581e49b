"""Evaluate a trained run on events with known truth: metrics.json and a report with figures.

python -m jaxunfold.evaluate --workdir DIR --data FILE --out DIR [--draws K] [--seed S] [--events N]
"""

import os

import jaxunfold
from jaxunfold import cli
from jaxunfold.data import splits
from jaxunfold.data.events import Events, read
from jaxunfold.errors import InputError
from jaxunfold.evaluation import evaluate, headline
from jaxunfold.run import Run
from jaxunfold.train import fingerprint, resolve
from jaxunfold.training.callbacks import read_metrics


def held_out(run: Run, path: str, events: Events) -> Events:
    """The events of a file that the run was not trained on: its test part if it is the training file.

    Raises: InputError if the run was trained on this file and kept no test part.
    """
    if fingerprint(path) != run.about.get("data"):
        return events
    data = run.config.data
    rows = splits.split(len(events), data.valid, data.test, data.split_seed).test
    if not len(rows):
        raise InputError(f"{path}: the run was trained on this file and kept no test events of it")
    cli.say(f"{path}: the training file, so only its {len(rows)} test events are used")
    return events[rows]


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser("evaluate", "Evaluate a trained run.", workdir=True, data=True, out=True, seed=False)
    parser.add_argument("--draws", type=int, default=60, metavar="K", help="draws per event")
    parser.add_argument("--events", type=int, metavar="N", help="use the first N events")

    def body(args):
        for name, least in (("draws", 1), ("events", 2)):
            value = getattr(args, name)
            if value is not None and value < least:
                raise InputError(f"--{name}: expected {least} or more, found {value}")
        run = jaxunfold.load(args.workdir)
        path = resolve(args.data)
        events = held_out(run, path, read(path, require_truth=True))[: args.events]
        history = read_metrics(os.path.join(args.workdir, "metrics.jsonl"))
        title = os.path.basename(os.path.normpath(args.workdir))
        metrics = evaluate(run, events, args.out, args.draws, args.seed, title, history, cli.say)
        cli.summary(title, headline(metrics) | {"report": os.path.join(args.out, "index.html")})

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
