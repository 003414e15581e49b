"""Simulate collisions: Pythia 8, a fast detector and anti-kT jets, written as an event file."""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from jaxunfold import cli, cluster, config
from jaxunfold.data import declusterings, ramps
from jaxunfold.data import events as event_files
from jaxunfold.data import parts as files
from jaxunfold.data.writer import EventWriter
from jaxunfold.errors import InputError
from jaxunfold.simulation import (
    STREAM,
    chunk,
    drell_yan_met,
    fat_jets,
    generator,
    hard_process,
    multi_jets,
    process,
    run,
    shower,
    w_jets,
)

EXAMPLE = "--config configs/data/zw_2jet.py --events 10000 --seed 3 --out events.h5"


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m jaxunfold.simulate``; returns the exit status."""
    parser = cli.parser("simulate", __doc__, EXAMPLE, config=True, out=True, seed=False)
    parser.add_argument("--events", type=int, required=True, help="number of accepted events in the file")
    parser.add_argument("--workers", type=int, default=1, help="processes; the file does not depend on it")
    parser.add_argument("--scheduler", metavar="ADDRESS", help=cluster.HELP)
    parser.add_argument("--resume", action="store_true", help="go on after an interruption")
    return cli.run_command(_body, parser, argv)


def _body(args: argparse.Namespace) -> None:
    values = config.load(args.config, args.overrides).to_dict()
    chain = values.pop("chain", "detector")
    if chain not in CHAINS:
        raise InputError(f"config.chain: expected one of {', '.join(CHAINS)}, found {chain!r}")
    if args.scheduler and chain != "detector":
        raise InputError(f"--scheduler: expected a config whose chain is 'detector', found {chain!r}")
    CHAINS[chain](values, args)


def _w_jets(values: dict, args: argparse.Namespace) -> None:
    what, out = w_jets.from_config(values), Path(args.out)
    if args.events < 1:
        raise InputError(f"--events: expected 1 or more, found {args.events}")
    cli.check_writable_dir(out.parent)
    begin = time.monotonic()
    found = w_jets.simulate(what, args.seed, args.events)
    event_files.write(out, found)
    rows = {
        "events": f"{args.events} in {time.monotonic() - begin:.0f} s",
        "collisions": str(found.attrs["collisions"]),
    }
    cli.summary(f"simulated {out}", rows)


def _hard_process(values: dict, args: argparse.Namespace) -> None:
    _one_by_one(hard_process, values, args)


def _shower(values: dict, args: argparse.Namespace) -> None:
    _one_by_one(shower, values, args)


def _multi_jets(values: dict, args: argparse.Namespace) -> None:
    _one_by_one(multi_jets, values, args)


def _drell_yan_met(values: dict, args: argparse.Namespace) -> None:
    _one_by_one(drell_yan_met, values, args)


def _one_by_one(chain, values: dict, args: argparse.Namespace) -> None:
    what, out = chain.from_config(values), Path(args.out)
    cli.check_at_least(args, events=1, seed=0)
    cli.check_writable_dir(out.parent)
    begin = time.monotonic()
    with cli.progress(f"simulate {what.name}", args.events) as advance:
        found = chain.simulate(what, args.seed, args.events, advance)
    event_files.write(out, found)
    cli.summary(f"simulated {out}", {"events": f"{args.events} in {time.monotonic() - begin:.0f} s"})


def _fat_jets(values: dict, args: argparse.Namespace) -> None:
    what, out = fat_jets.from_config(values), Path(args.out)
    cli.check_at_least(args, events=1, seed=0)
    cli.check_writable_dir(out.parent)
    begin = time.monotonic()
    with cli.progress(f"simulate {what.name}", args.events) as advance:
        truth, reco, about = fat_jets.simulate(what, args.seed, args.events, advance)
    declusterings.write(out, truth, reco, about)
    rows = {"jets": f"{args.events} in {time.monotonic() - begin:.0f} s", "collisions": str(about["collisions"])}
    cli.summary(f"simulated {out}", rows)


def _detector(values: dict, args: argparse.Namespace) -> None:
    what = process.from_config(values)
    begin = time.monotonic()
    chunks = simulate(what, args.events, args.seed, Path(args.out), args.workers, args.resume, args.scheduler)
    cli.summary(f"simulated {args.out}", summary(what, chunks, args.events, time.monotonic() - begin))


def _ramp(values: dict, args: argparse.Namespace) -> None:
    name, out = values["density"], Path(args.out)
    if name not in ramps.RAMPS:
        raise InputError(f"config.density: expected one of {', '.join(ramps.RAMPS)}, found {name!r}")
    for flag, value, low in (("events", args.events, 1), ("seed", args.seed, 0)):
        if value < low:
            raise InputError(f"--{flag}: expected {low} or more, found {value}")
    cli.check_writable_dir(out.parent)
    event_files.write(out, ramps.simulate(name, args.events, args.seed))
    cli.summary(f"simulated {out}", {"density": name, "points": f"{args.events:,}"})


CHAINS = {
    "detector": _detector,
    "w_jets": _w_jets,
    "ramp": _ramp,
    "hard_process": _hard_process,
    "shower": _shower,
    "fat_jets": _fat_jets,
    "multi_jets": _multi_jets,
    "drell_yan_met": _drell_yan_met,
}
"""What a config's ``chain`` may be; it is "detector" where there is none. (values, arguments) -> None."""


def simulate(
    what: process.Process,
    num_events: int,
    seed: int,
    out: Path,
    workers: int = 1,
    resume: bool = False,
    scheduler: str | None = None,
) -> list[chunk.Cost]:
    """Simulate and write ``out``; finished chunks wait in the folder ``out``.parts until the file is there.

    scheduler: Address of a dask scheduler whose workers do it, in place of ``workers`` of this machine.
    Returns: What the chunks cost that the file is made of.
    Raises: InputError for a bad number, a missing package, or a place that cannot be written.
    """
    for name, value, low in (("events", num_events, 1), ("seed", seed, 0), ("workers", workers, 1)):
        if value < low:
            raise InputError(f"--{name}: expected {low} or more, found {value}")
    generator.require()
    if out.is_dir():
        raise InputError(f"--out: expected a file, found the directory {out}")
    cli.check_writable_dir(out.parent)
    parts = files.folder_of(out)
    with cluster.connect(scheduler) if scheduler else run.local_pool(workers) as pool:
        done = run.open_parts(parts, process.key(what, seed, num_events), resume)
        before = min(run.count(done), num_events)
        title = f"simulate {what.name}" + (f" ({before} events from before)" if before else "")
        with cli.progress(title, num_events - before) as advance:
            reported = before

            def report(count: int) -> None:
                nonlocal reported
                if count > reported:
                    advance(count - reported)
                    reported = count

            chunks = run.simulate(what, seed, num_events, parts, done, pool, report)
    write(out, what, parts, len(chunks), seed, num_events)
    shutil.rmtree(parts)
    return chunks


def write(out: Path, what: process.Process, parts: Path, num_chunks: int, seed: int, num_events: int) -> None:
    """Write the first ``num_events`` events of the chunks, one chunk at a time, with labels and attributes."""
    writer, left = EventWriter(out), num_events
    try:
        for index in range(num_chunks):
            found = run.load(parts, index)
            events = event_files.Events(
                reco=found.reco,
                truth=found.truth,
                mask=found.mask,
                extra=found.extra if what.extra else None,
                truth_names=what.truth,
                reco_names=what.reco,
                extra_names=what.extra,
            )[:left]
            writer.append(events)
            left -= len(events)
        writer.close(attributes(what, seed))
    finally:
        writer.abandon()


def attributes(what: process.Process, seed: int) -> dict:
    """What the file says of itself."""
    detector = what.detector
    return {
        "process": what.name,
        "sqrt_s_gev": what.sqrt_s_gev,
        "generator": f"Pythia 8 (pythia8mc); detector: {detector.name}; anti-kT {detector.jet_radius}",
        "seed": seed,
        "code_version": STREAM,
        "config": process.to_json(what),
    }


def summary(what: process.Process, chunks: list[chunk.Cost], num_events: int, wall: float) -> dict[str, str]:
    """What was written, how fast, and where the CPU time went."""
    seconds = sum(c.seconds for c in chunks)
    total, accepted = seconds.sum(), sum(c.events for c in chunks)
    generated = sum(c.generated for c in chunks)
    split = (f"{stage} {100 * s / total:.1f} %" for stage, s in zip(chunk.STAGES, seconds))
    return {
        "process": what.name,
        "events": f"{num_events} in {wall:.0f} s",
        "accepted": f"{100 * accepted / generated:.1f} % of {generated} collisions after the early veto",
        "speed": f"{accepted / total:.0f} events per CPU second",
        "whole chain": f"{total / (seconds[0] + seconds[1]):.2f} times Pythia's own time",
        "CPU time": ", ".join(split),
    }


if __name__ == "__main__":
    sys.exit(main())
