"""Unfold measured events: draws from the posterior of each, in physical units, as one result bundle (HDF5).

python -m jaxunfold.unfold --workdir DIR --data FILE --out FILE [--draws K] [--seed S]

The file is read and unfolded in parts, which wait in the folder FILE.parts until the result is there, so that memory
does not bound the number of events, and the same command goes on where it was interrupted.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

import jaxunfold
from jaxunfold import cli, cluster, streaming
from jaxunfold import config as configs
from jaxunfold.bundle import files
from jaxunfold.data import parts
from jaxunfold.data.events import scan
from jaxunfold.data.location import resolve
from jaxunfold.data.rows import RowWriter
from jaxunfold.errors import InputError
from jaxunfold.problem import unconditional
from jaxunfold.run import Run
from jaxunfold.streaming import Job

EXAMPLE = "--workdir runs/mine --data data.h5 --out draws.h5 --draws 100"
SPREADS = 4096
"""Draws of each part whose sigma / p the summary is made of."""


def attributes(run: Run, job: Job) -> dict:
    """What a result says of itself, see ``bundle.files``."""
    return {
        "code_version": jaxunfold.__version__,
        "events": job.num_events,
        "config": configs.to_json(run.config),
        "model_hash": job.model,
        "training_data_hash": run.about.get("data"),
        **files.attributes(run.resonances, run.named),
        "method": run.config.method,
        "seed": job.seed,
        "density_of": run.density_of,
        "draws": job.draws,
        "data": os.path.basename(resolve(job.data)),
        "data_hash": job.sample,
    }


def unfold(
    run: Run,
    job: Job,
    folder: Path,
    done: list[int],
    progress: Callable[[int], None],
    pool: cluster.Pool | None = None,
) -> None:
    """Leave every part in the folder, made in this process or by a pool; ``done`` are there already."""
    missing = sorted(set(range(job.num_parts)) - set(done))
    if pool is None:
        for index in missing:
            parts.save(folder, index, streaming.compute(run, job, index, progress))
        return
    for (_, index), arrays in cluster.unordered(pool, streaming.compute_apart, ((job, index) for index in missing)):
        parts.save(folder, index, arrays)
        progress(finished(job, [index]))


def assemble(out: str, run: Run, job: Job, folder: Path) -> dict:
    """Write the result of all parts; returns the rows of the summary that are known by then."""
    kind, names = run.problem.kind, run.problem.truth_names
    texts = {f"samples/{kind}": {"labels" if kind == "momenta" else "names": names, "units": run.problem.truth_units}}
    outside, spreads, shape, writer = 0, [], None, RowWriter(out)
    try:
        for index in range(job.num_parts):
            arrays = parts.load(folder, index)
            if (observed := arrays.pop("names", None)) is not None:
                texts |= {f"per_event/{key}": {"names": observed.tolist()} for key in ("median", "width_68")}
            writer.append(arrays, texts)
            shape = shape or arrays[f"samples/{kind}"].shape
            outside += np.sum(~arrays["in_support"]) if "in_support" in arrays else np.nan
            if "uncertainty" in arrays:
                each = arrays["uncertainty"].ravel()
                spreads.append(each[:: -(-each.size // SPREADS)])
        writer.close(attributes(run, job))
    finally:
        writer.abandon()
    # one sample for all events has a row of its own
    n, k = shape[0] if run.method.whole_sample else job.num_events, shape[1]
    rows = {"draws per event": k} if n == job.num_events else {"weighted draws for all events": k}
    rows |= {"method": run.config.method}
    rows["outside of the training's support"] = "not known" if np.isnan(outside) else int(outside)
    if spreads:
        rows["median of sigma / p"] = f"{np.median(np.concatenate(spreads)):.3g}"
    return rows | {"samples": f"{(n, *shape[1:])}, {kind}"}


def open_parts(out: str, job: Job) -> tuple[Path, list[int]]:
    """The folder of the parts, and those that are there from an earlier call of the same command."""
    folder = parts.folder_of(out)
    known = parts.owner(folder) == job.key
    done = [index for index in parts.open_folder(folder, job.key, resume=known) if index < job.num_parts]
    return folder, done


def finished(job: Job, done: list[int]) -> int:
    """Events in the parts that are done."""
    return sum(stop - start for start, stop in map(job.span, done))


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser("unfold", "Unfold measured events.", EXAMPLE, workdir=True, data=True, out=True, seed=False)
    parser.add_argument("--draws", type=int, default=100, metavar="K", help="draws per event")
    parser.add_argument("--scheduler", metavar="ADDRESS", help=cluster.HELP)
    parser.add_argument("--no-uncertainty", action="store_true", help="do not compute sigma / p of each draw")

    def body(args):
        cli.check_at_least(args, draws=1, seed=0)
        if os.path.isdir(args.out):
            raise InputError(f"{args.out}: expected a file to write, found a directory")
        cli.check_writable_dir(os.path.dirname(os.path.abspath(args.out)))
        run = jaxunfold.load(args.workdir)
        if unconditional(run.config):
            raise InputError(f"{args.workdir}: unfolds nothing, it generates: python -m jaxunfold.generate")
        if args.scheduler and run.method.whole_sample:
            raise InputError(f"--scheduler: {run.config.method} unfolds the sample as a whole, in one process")
        spread = run.method.uncertainty is not None and not args.no_uncertainty
        num_events = scan(resolve(args.data)).num_events
        job = streaming.make_job(run, args.workdir, args.data, num_events, args.draws, args.seed, spread)
        with cluster.connect(args.scheduler) if args.scheduler else contextlib.nullcontext() as pool:
            folder, done = open_parts(args.out, job)
            before = finished(job, done)
            title = "unfolding" + (f" ({before} events from before)" if before else "")
            with cli.progress(title, job.num_events - before, "events") as advance:
                unfold(run, job, folder, done, advance, pool)
        rows = {"events": job.num_events, **assemble(args.out, run, job, folder), "written": args.out}
        shutil.rmtree(folder)
        cli.summary("unfolded", rows)

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
