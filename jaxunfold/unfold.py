"""Unfold measured events: draws from the posterior of each, in physical units, as one result bundle (HDF5).

python -m jaxunfold.unfold --workdir DIR --data FILE --out FILE [--draws K] [--seed S]
"""

import os

import numpy as np

import jaxunfold
from jaxunfold import cli
from jaxunfold import config as configs
from jaxunfold.bundle import files
from jaxunfold.bundle.per_event import median_and_width
from jaxunfold.data.events import Events, read
from jaxunfold.data.files import write_datasets
from jaxunfold.data.location import fingerprint, resolve
from jaxunfold.errors import InputError
from jaxunfold.evaluation import unfold_with_progress
from jaxunfold.metrics.compared import momenta_observables, table_columns, with_named
from jaxunfold.physics.observables import column_expressions
from jaxunfold.problem import unconditional
from jaxunfold.run import Run
from jaxunfold.types import Unfolded

EXAMPLE = "--workdir runs/mine --data data.h5 --out draws.h5 --draws 100"


def per_event(run: Run, unfolded: Unfolded) -> dict[str, tuple[np.ndarray, dict]]:
    """Median and width of every observable's draws in each event, [n, m]."""
    names, medians, widths = [], [], []
    for name, draws in observables(run, unfolded.samples).items():
        median, width = median_and_width(draws, np.asarray(unfolded.log_weights))
        names, medians, widths = [*names, name], [*medians, median], [*widths, width]
    columns = (("median", medians), ("width_68", widths))
    return {f"per_event/{key}": (np.stack(values, -1), {"names": names}) for key, values in columns}


def observables(run: Run, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Canonical and named observables of draws, each [n, k]."""
    names = run.problem.truth_names
    if run.problem.kind == "momenta":
        return momenta_observables(samples, names, run.resonances, run.named)
    units = run.problem.truth_units or ("",) * len(names)
    return with_named(table_columns(samples, names), column_expressions(dict(zip(names, units)), run.named))


def write_draws(path: str, run: Run, unfolded: Unfolded, events: Events, attrs: dict) -> int | None:
    """Write a result bundle, see ``bundle.files``; returns how many events are outside of the training's support."""
    names = {"labels" if run.problem.kind == "momenta" else "names": run.problem.truth_names}
    names["units"] = run.problem.truth_units
    datasets = {f"samples/{run.problem.kind}": (unfolded.samples, names)}
    found = run.in_support(events)
    inside, density = found or (None, None)
    for name, values in (
        ("log_weights", unfolded.log_weights),
        ("member", unfolded.member),
        ("weight", events.weight),
        ("sample_weight", unfolded.weight),
        ("yields", unfolded.yields),
        ("uncertainty", unfolded.uncertainty),
        ("event", np.arange(len(events))),
        ("in_support", inside),
        ("log_support", density),
        *((f"info/{name}", np.atleast_1d(values)) for name, values in (unfolded.info or {}).items()),
    ):
        if values is not None:
            datasets[name] = (values, {})
    if len(unfolded.samples) == len(events):
        datasets |= per_event(run, unfolded)
    about = {
        "code_version": jaxunfold.__version__,
        "events": len(events),
        "config": configs.to_json(run.config),
        "model_hash": files.hash_of((run.state, run.fitted), configs.to_json(run.config)),
        "training_data_hash": run.about.get("data"),
        **files.attributes(run.resonances, run.named),
    }
    write_datasets(path, datasets, {**about, **attrs})
    return None if inside is None else int(np.sum(~inside))


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser("unfold", "Unfold measured events.", EXAMPLE, workdir=True, data=True, out=True, seed=False)
    parser.add_argument("--draws", type=int, default=100, metavar="K", help="draws per event")
    parser.add_argument("--no-uncertainty", action="store_true", help="do not compute sigma / p of each draw")

    def body(args):
        cli.check_at_least(args, draws=1, seed=0)
        if os.path.isdir(args.out):
            raise InputError(f"{args.out}: expected a file to write, found a directory")
        cli.check_writable_dir(os.path.dirname(os.path.abspath(args.out)))
        run = jaxunfold.load(args.workdir)
        if unconditional(run.config):
            raise InputError(f"{args.workdir}: unfolds nothing, it generates: python -m jaxunfold.generate")
        data = resolve(args.data)
        events = run.events(read(data))
        spread = run.method.uncertainty is not None and not args.no_uncertainty
        unfolded = unfold_with_progress(run, events, args.draws, args.seed, spread)
        attrs = {"method": run.config.method, "seed": args.seed, "density_of": run.density_of, "draws": args.draws}
        attrs |= {"data": os.path.basename(data), "data_hash": fingerprint(data)}
        outside = write_draws(args.out, run, unfolded, events, attrs)
        n, k = unfolded.log_weights.shape
        draws = {"draws per event": k} if n == len(events) else {"weighted draws for all events": k}
        rows = {"events": len(events), **draws, "method": run.config.method}
        rows["outside of the training's support"] = "not known" if outside is None else outside
        if unfolded.uncertainty is not None:
            rows["median of sigma / p"] = f"{np.median(unfolded.uncertainty):.3g}"
        rows |= {"samples": f"{unfolded.samples.shape}, {run.problem.kind}", "written": args.out}
        cli.summary("unfolded", rows)

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
