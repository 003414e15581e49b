"""Time training and unfolding on the device that jax finds, compilation apart; print a Markdown table.

python benchmarks/throughput.py [--batches 512,4096] [--repeats 5] [--write]

Each row: training steps of a config at a batch size as its training runs them (many to a dispatch, data on the
device), or draws of ``run.unfold`` from measured events to momenta in GeV in numpy. --write puts the table into
benchmarks/throughput.md, in place of an earlier one of the same device. Nothing else should run meanwhile.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import jax
import jaxlib

from jaxunfold import config as configs
from jaxunfold import train
from jaxunfold.data.location import resolve
from jaxunfold.run import Run
from jaxunfold.training import dispatch, feed, placement

PAGE = Path(__file__).with_name("throughput.md")
HEADER = ("config", "what", "batch", "compile [s]", "time [s], median (min to max)", "rate")


def timed(function, *args):
    """(result, seconds), once the device is done."""
    begin = time.perf_counter()
    result = jax.block_until_ready(function(*args))
    return result, time.perf_counter() - begin


def time_training(run: Run, source, batch_size: int, steps: int, repeats: int):
    """(state, events in a step, seconds to compile, seconds of each repetition of ``steps`` steps)."""
    source, mesh = feed.as_source(source), placement.make_mesh(jax.local_devices())
    plan = dispatch.make_plan(source.num_events, batch_size, steps, len(jax.local_devices()))
    data = feed.whole(source, mesh), placement.place(source.epoch_order(0, 0), placement.replicated(mesh))
    key = jax.random.key(0)
    state = jax.jit(run.method.init)(key, feed.head(source, plan.batch_size))
    state = placement.place(placement.copy(state), placement.replicated(mesh))
    program = dispatch.make_dispatch(run.method.step, plan, mesh, True)
    begin = time.perf_counter()
    program = program.lower(state, data, 0, 0, key).compile()
    compiled = time.perf_counter() - begin
    seconds = []
    for _ in range(repeats + 1):
        (state, _), taken = timed(program, state, data, 0, 0, key)
        # a short epoch is cut into other dispatches than asked for
        seconds.append(taken * steps / plan.steps_per_dispatch)
    return state, plan.batch_size, compiled, seconds[1:]


def time_unfolding(run: Run, events, draws: int, repeats: int):
    """(seconds to compile, seconds of each repetition): the first call is longer by the compilation."""
    seconds = []
    for i in range(repeats + 1):
        begin = time.perf_counter()
        run.unfold(jax.random.key(i), events, draws)
        seconds.append(time.perf_counter() - begin)
    return max(0.0, seconds[0] - statistics.median(seconds[1:])), seconds[1:]


def row(name: str, what: str, batch: str, compiled: float, seconds: list[float], count: int, unit: str) -> str:
    """A line of the table; the rate is of the median."""
    middle = statistics.median(seconds)
    spread = f"{middle:.3g} ({min(seconds):.3g} to {max(seconds):.3g})"
    cells = (name, what, batch, f"{compiled:.1f}", spread, f"{count / middle:,.0f} {unit}/s")
    return "| " + " | ".join(cells) + " |"


def measure(path: str, args: argparse.Namespace) -> list[str]:
    """The rows of one config: its training at each batch size, then its draws."""
    name, begin = configs.name_of(path), time.perf_counter()
    config = configs.load(path, args.overrides)
    run, source, _, test = train.prepare(config, resolve(config.data.path))
    print(f"{name}: events encoded in {time.perf_counter() - begin:.1f} s", file=sys.stderr, flush=True)
    rows, state = [], None
    for asked in args.batches:
        state, batch, compiled, seconds = time_training(run, source, asked, args.steps, args.repeats)
        what = f"training, {args.steps} steps"
        rows.append(row(name, what, str(batch), compiled, seconds, batch * args.steps, "events"))
        print(rows[-1], file=sys.stderr, flush=True)
    events = test[: args.events]
    compiled, seconds = time_unfolding(replace(run, state=state), events, args.draws, args.repeats)
    what = f"unfolding, {len(events)} events x {args.draws} draws"
    rows.append(row(name, what, "", compiled, seconds, len(events) * args.draws, "draws"))
    print(rows[-1], file=sys.stderr, flush=True)
    return rows


def processor() -> str:
    """Name of the CPU."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def device() -> str:
    """The devices that the numbers are of."""
    devices = jax.local_devices()
    if devices[0].platform == "cpu":
        return f"{processor()}, {len(os.sched_getaffinity(0))} cores"
    return f"{len(devices)} x {devices[0].device_kind}"


def table(rows: list[str], args: argparse.Namespace) -> str:
    """A section of the page: versions, then the table."""
    versions = f"Python {platform.python_version()}, jax {jax.__version__}, jaxlib {jaxlib.__version__}"
    note = f"{versions}; median of {args.repeats} repetitions after one that is not counted."
    lines = ["| " + " | ".join(HEADER) + " |", "|---|---|---:|---:|---:|---:|", *rows]
    return f"## {device()}\n\n{note}\n\n" + "\n".join(lines) + "\n"


def put_section(page: str, section: str) -> str:
    """The page with the section in place of the one of the same heading, or at its end."""
    first, *rest = page.split("\n## ")
    heading = section.splitlines()[0].removeprefix("## ")
    rest = [part.rstrip("\n") for part in rest if part.splitlines()[0] != heading]
    return "\n\n## ".join([first.rstrip("\n"), *rest, section.removeprefix("## ").rstrip("\n")]) + "\n"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", default="configs/cinn.py,configs/cinn_paper.py")
    parser.add_argument("--batches", default="512", help="batch sizes of the training steps")
    parser.add_argument("--steps", type=int, default=50, help="training steps in one repetition")
    parser.add_argument("--events", type=int, default=1500)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="config value, for a quick look"
    )
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    args = parser.parse_args()
    args.batches = [int(text) for text in args.batches.split(",")]
    args.overrides = [tuple(text.split("=", 1)) for text in args.set]
    section = table([line for path in args.configs.split(",") for line in measure(path, args)], args)
    print(section)
    if args.write:
        PAGE.write_text(put_section(PAGE.read_text(), section))


if __name__ == "__main__":
    main()
