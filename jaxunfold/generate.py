"""Generate new events with a trained run that has no condition, as an event file of any size.

python -m jaxunfold.generate --workdir DIR --events N --out FILE [--seed S]

The file has truth alone, and every command reads it. It is written piece by piece, so that memory does not bound the
number of events; the same seed gives the same events, and more of them go on where fewer ended.
"""

import os
import time

import jax
import numpy as np

import jaxunfold
from jaxunfold import cli
from jaxunfold import config as configs
from jaxunfold.bundle import files
from jaxunfold.data.events import Events, nothing_measured
from jaxunfold.data.writer import EventWriter
from jaxunfold.errors import InputError
from jaxunfold.run import Run

EXAMPLE = "--workdir runs/generate_ttbar --events 100000 --out generated.h5"


def events_of(run: Run, truth: np.ndarray) -> Events:
    """Generated events [n, ...] as an event file holds them."""
    names = {"truth_names": run.problem.truth_names, "truth_units": run.problem.truth_units}
    return Events(reco=nothing_measured(truth), truth=truth, **names)


def attributes(run: Run, seed: int) -> dict:
    """What a file of generated events says of itself."""
    sample = run.about.get("sample", {})
    known = {name: sample[name] for name in ("process", "sqrt_s_gev") if name in sample}
    return known | {
        "generator": f"jaxunfold, {run.config.method}",
        "trained_on": sample.get("generator", "not known"),
        "seed": seed,
        "code_version": jaxunfold.__version__,
        "config": configs.to_json(run.config),
        "model_hash": files.hash_of((run.state, run.fitted), configs.to_json(run.config)),
        "training_data_hash": run.about.get("data"),
    }


def generate(run: Run, num_events: int, seed: int, out: str) -> dict[str, float]:
    """Write ``num_events`` new events; the seconds spent in the network and in the file.

    Raises: InputError if the run is conditional or the file cannot be written.
    """
    writer = EventWriter(out)
    seconds = {"network": 0.0, "file": 0.0}
    try:
        pieces = run.generate(jax.random.key(seed), num_events)
        with cli.progress("generating", num_events) as advance:
            while True:
                begin = time.monotonic()
                piece = next(pieces, None)
                made = time.monotonic()
                seconds["network"] += made - begin
                if piece is None:
                    break
                writer.append(events_of(run, piece))
                seconds["file"] += time.monotonic() - made
                advance(len(piece))
        begin = time.monotonic()
        writer.close(attributes(run, seed))
        seconds["file"] += time.monotonic() - begin
    finally:
        writer.abandon()
    return seconds


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser("generate", "Generate new events.", EXAMPLE, workdir=True, out=True, seed=False)
    parser.add_argument("--events", type=int, required=True, metavar="N", help="number of events")

    def body(args):
        cli.check_at_least(args, events=1, seed=0)
        if os.path.isdir(args.out):
            raise InputError(f"{args.out}: expected a file to write, found a directory")
        run = jaxunfold.load(args.workdir)
        cli.check_writable_dir(os.path.dirname(os.path.abspath(args.out)))
        seconds = generate(run, args.events, args.seed, args.out)
        total = sum(seconds.values())
        rows = {
            "events": args.events,
            "method": run.config.method,
            "events per second": f"{args.events / total:,.0f}",
            "of the network alone": f"{args.events / seconds['network']:,.0f}",
            "written": f"{args.out}, {os.path.getsize(args.out) / 1e6:.1f} MB",
        }
        cli.summary("generated", rows)

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
