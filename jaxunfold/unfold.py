"""Unfold measured events: draws from the posterior of each, in physical units, as one HDF5 file.

python -m jaxunfold.unfold --workdir DIR --data FILE --out FILE [--draws K] [--seed S]
"""

import os

import numpy as np

import jaxunfold
from jaxunfold import cli
from jaxunfold.data.events import read
from jaxunfold.data.files import write_datasets
from jaxunfold.data.location import resolve
from jaxunfold.errors import InputError
from jaxunfold.evaluation import unfold_with_progress
from jaxunfold.run import Run
from jaxunfold.types import Unfolded


def write_draws(path: str, run: Run, unfolded: Unfolded, weight, attrs: dict) -> None:
    """Write samples [n, k, ...], log_weights [n, k] and the events' weight, atomically.

    Datasets: samples/momenta (attr labels) or samples/table (attrs names, units), log_weights, member, weight,
    and where a method has them sample_weight [n, k], the draws' own weights before log_weights, yields [n, k], the
    truth events that a draw stands for, and info/NAME.
    """
    names = {"labels" if run.problem.kind == "momenta" else "names": run.problem.truth_names}
    names["units"] = run.problem.truth_units
    datasets = {f"samples/{run.problem.kind}": (unfolded.samples, names)}
    for name, values in (
        ("log_weights", unfolded.log_weights),
        ("member", unfolded.member),
        ("weight", weight),
        ("sample_weight", unfolded.weight),
        ("yields", unfolded.yields),
        *((f"info/{name}", np.atleast_1d(values)) for name, values in (unfolded.info or {}).items()),
    ):
        if values is not None:
            datasets[name] = (values, {})
    write_datasets(path, datasets, {"code_version": jaxunfold.__version__, **attrs})


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser("unfold", "Unfold measured events.", workdir=True, data=True, out=True, seed=False)
    parser.add_argument("--draws", type=int, default=100, metavar="K", help="draws per event")

    def body(args):
        cli.check_at_least(args, draws=1, seed=0)
        if os.path.isdir(args.out):
            raise InputError(f"{args.out}: expected a file to write, found a directory")
        cli.check_writable_dir(os.path.dirname(os.path.abspath(args.out)))
        run = jaxunfold.load(args.workdir)
        events = run.events(read(resolve(args.data)))
        unfolded = unfold_with_progress(run, events, args.draws, args.seed)
        attrs = {"method": run.config.method, "seed": args.seed, "density_of": run.density_of}
        write_draws(args.out, run, unfolded, events.weight, attrs)
        n, k = unfolded.log_weights.shape
        draws = {"draws per event": k} if n == len(events) else {"weighted draws for all events": k}
        rows = {"events": len(events), **draws, "method": run.config.method}
        rows |= {"samples": f"{unfolded.samples.shape}, {run.problem.kind}", "written": args.out}
        cli.summary("unfolded", rows)

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
