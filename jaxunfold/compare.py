"""Compare trained runs on the same events with known truth: one page, one comparison.json.

python -m jaxunfold.compare --workdirs DIR1,DIR2,... --data FILE --out DIR [--draws K] [--seed S] [--events N]
    [--oracle]

With --oracle a row is added that no unfolding can reach: the first run's training events, reweighted by a classifier
of truth against truth.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import jaxunfold
from jaxunfold import cli
from jaxunfold.data.events import Events, read
from jaxunfold.data.location import resolve
from jaxunfold.errors import InputError
from jaxunfold.evaluate import held_out
from jaxunfold.evaluation import compared, first_events, headline, suited, unfold_with_progress
from jaxunfold.metrics.compared import Compared
from jaxunfold.metrics.summary import evaluate_metrics
from jaxunfold.oracle import oracle
from jaxunfold.report.comparison import write_comparison
from jaxunfold.run import Run

EXAMPLE = "--workdirs model:zw_2jet,model:zw_2jet_fcgan --data sample:zw_2jet\n--events 1000 --out comparison"


def labels_of(workdirs: str) -> dict[str, str]:
    """{label: workdir} of "DIR1,DIR2,...": the folders' names, or as much of their paths as tells them apart.

    Raises: InputError for fewer than two, or one that is named twice.
    """
    folders = [os.path.normpath(name.strip()) for name in workdirs.split(",") if name.strip()]
    if len(folders) < 2:
        raise InputError(f"--workdirs: expected two or more runs, as in DIR1,DIR2, found {workdirs!r}")
    real = [os.path.realpath(folder) for folder in folders]
    if twice := [folder for i, folder in enumerate(folders) if real[i] in real[:i]]:
        raise InputError(f"--workdirs: expected each run once, found {twice[0]} twice")
    parts = [Path(path).parts for path in real]
    depth = next(d for d in range(1, 1 + max(map(len, parts))) if len({p[-d:] for p in parts}) == len(parts))
    return {os.path.join(*p[-depth:]): folder for p, folder in zip(parts, folders)}


def check_alike(runs: Mapping[str, Run]) -> None:
    """Refuse runs that unfold to different particles or columns."""
    (first, one), *others = runs.items()
    for label, run in others:
        for word, mine, theirs in (
            ("data of kind", run.problem.kind, one.problem.kind),
            ("the truth", sorted(run.problem.truth_names), sorted(one.problem.truth_names)),
        ):
            if mine != theirs:
                raise InputError(f"{label}: expected {word} {theirs} as {first}, found {mine}")


def common_observables(columns: Sequence[Compared]) -> list[Compared]:
    """The same with the observables and resonances that all runs have, in the order of the first."""
    names = [name for name in columns[0].truth if all(name in c.truth for c in columns)]
    nodes = [name for name in columns[0].resonances if all(name in c.resonances for c in columns)]
    return [
        c._replace(
            truth={name: c.truth[name] for name in names},
            draws={name: c.draws[name] for name in names},
            resonances={name: c.resonances[name] for name in nodes},
        )
        for c in columns
    ]


def compare(
    runs: Mapping[str, Run],
    events: Events,
    out: str | os.PathLike,
    num_draws: int,
    seed: int = 0,
    with_oracle: bool = False,
) -> dict:
    """Unfold the same events with every run; write comparison.json, index.html and figures into ``out``.

    Args:
      runs: {label: trained run}, which ``check_alike`` let pass.
      events: Events with truth, which no run was trained on.
      num_draws: Draws per event. seed: Of the draws and of everything random in the metrics.
      with_oracle: Add the row of ``oracle.oracle``.
    Returns: The contents of comparison.json: {"n_events", "draws", "seed", "runs": {label: metrics}}, the
      metrics as in metrics.json.
    Raises: InputError if the events do not fit one of the runs.
    """
    folder = Path(cli.check_writable_dir(out))
    lined_up, closer = [], {}
    for label, run in runs.items():
        cli.say(f"{label}: {run.config.method}")
        own = suited(run, events)
        unfolded = unfold_with_progress(run, own, num_draws, seed)
        lined_up.append(compared(run, own, unfolded))
        if lined_up[-1].paired:
            closer[label] = first_events(run, own, unfolded, num_draws, seed + 1)
    labels = list(runs)
    if with_oracle:
        cli.say("oracle")
        labels.append("oracle (truth)")
        lined_up.append(oracle(next(iter(runs.values())), events, seed))
    data = dict(zip(labels, common_observables(lined_up)))
    cli.say("computing metrics")
    metrics = {label: evaluate_metrics(columns, seed=seed) for label, columns in data.items()}
    for label, run in runs.items():
        if (found := run.in_support(suited(run, events))) is not None:
            metrics[label]["outside_support"] = int(np.sum(~found[0]))
    result = {"n_events": len(events), "draws": num_draws, "seed": seed, "runs": metrics}
    (folder / "comparison.json").write_text(json.dumps(result, indent=2))
    cli.say("drawing figures")
    lead = f"{len(events):,} events that no network saw, {num_draws:,} draws each."
    write_comparison(folder, data, metrics, " and ".join(labels), lead, seed, closer)
    return result


def print_summary(metrics: Mapping[str, dict], rows: Mapping[str, str]) -> None:
    """The headline of every run, a column each, and a few rows for all."""
    table = Table(title="comparison", title_justify="left")
    table.add_column()
    heads = {label: headline(entry) for label, entry in metrics.items()}
    for label in heads:
        table.add_column(label, overflow="fold")
    for name in dict.fromkeys(name for head in heads.values() for name in head):
        table.add_row(name, *(head.get(name, "none") for head in heads.values()))
    Console().print(table)
    for name, value in rows.items():
        print(f"{name}: {value}")


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser(
        "compare", "Compare trained runs on the same events.", EXAMPLE, data=True, out=True, seed=False
    )
    parser.add_argument("--workdirs", required=True, metavar="DIR1,DIR2,...", help="directories of the runs")
    parser.add_argument("--draws", type=int, default=60, metavar="K", help="draws per event")
    parser.add_argument("--events", type=int, metavar="N", help="use the first N events")
    parser.add_argument("--oracle", action="store_true", help="add the best reweighting that knows the truth")

    def body(args):
        cli.check_at_least(args, draws=1, events=2, seed=0)
        runs = {label: jaxunfold.load(folder) for label, folder in labels_of(args.workdirs).items()}
        check_alike(runs)
        path = resolve(args.data)
        cli.check_writable_dir(args.out)
        events = held_out(list(runs.values()), path, read(path, require_truth=True))[: args.events]
        result = compare(runs, events, args.out, args.draws, args.seed, args.oracle)
        print_summary(result["runs"], {"report": os.path.join(args.out, "index.html")})

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
