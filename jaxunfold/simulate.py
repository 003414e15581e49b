"""Simulate collisions: Pythia 8, a fast detector and anti-kT jets, written as an event file."""

import argparse
import importlib.util
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from jaxunfold.data import events as event_files
from jaxunfold.errors import InputError
from jaxunfold.simulation import STREAM, generator
from jaxunfold.simulation.chunk import STAGES, Chunk
from jaxunfold.simulation.process import Process, from_config, to_json
from jaxunfold.simulation.run import simulate


def main() -> int:
    p = argparse.ArgumentParser()
    p.add_argument("--config", required=True)
    p.add_argument("--events", type=int, required=True)
    p.add_argument("--seed", type=int, required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--resume", action="store_true")
    a = p.parse_args()
    path, _, arg = a.config.partition(":")
    spec = importlib.util.spec_from_file_location("config", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    process = from_config(module.get_config(arg))
    print(run(process, a.events, a.seed, Path(a.out), a.workers, a.resume))
    return 0


def run(
    process: Process, num_events: int, seed: int, out: Path, workers: int = 1, resume: bool = False
) -> str:
    """Simulate, write ``out`` and return a summary; chunks are kept in ``out``.parts until then."""
    for name, value, low in (("events", num_events, 1), ("seed", seed, 0), ("workers", workers, 1)):
        if value < low:
            raise InputError(f"--{name}: expected {low} or more, found {value}")
    generator.require()
    parts = out.with_name(out.name + ".parts")
    begin = time.monotonic()
    with _progress(num_events) as report:
        chunks = simulate(process, seed, num_events, parts, workers, resume, report)
    event_files.write(out, assemble(process, chunks, seed, num_events))
    shutil.rmtree(parts)
    return summary(process, chunks, num_events, out, time.monotonic() - begin)


def assemble(process: Process, chunks: list[Chunk], seed: int, num_events: int) -> event_files.Events:
    """The first ``num_events`` events of the chunks, with labels and attributes."""
    join = {
        k: np.concatenate([getattr(c, k) for c in chunks])[:num_events]
        for k in ("truth", "reco", "mask", "extra")
    }
    return event_files.Events(
        reco=join["reco"],
        truth=join["truth"],
        mask=join["mask"],
        extra=join["extra"] if process.extra else None,
        truth_names=process.truth,
        reco_names=process.reco,
        extra_names=process.extra,
        attrs={
            "process": process.name,
            "sqrt_s_gev": process.sqrt_s_gev,
            "generator": f"Pythia 8 (pythia8mc); detector: {process.detector.name}; anti-kT {process.detector.jet_radius}",
            "seed": seed,
            "code_version": STREAM,
            "config": to_json(process),
        },
    )


def summary(process: Process, chunks: list[Chunk], num_events: int, out: Path, wall: float) -> str:
    """One screen: what was written, how fast, and where the time went."""
    seconds = sum(chunk.seconds for chunk in chunks)
    accepted, generated = sum(len(c.truth) for c in chunks), sum(c.generated for c in chunks)
    pythia = seconds[0] + seconds[1]
    split = ", ".join(f"{stage} {100 * s / seconds.sum():.1f} %" for stage, s in zip(STAGES, seconds))
    return (
        f"{out}: {num_events} events of {process.name}, {wall:.0f} s\n"
        f"accepted {accepted} of {generated} collisions after the early veto ({100 * accepted / generated:.1f} %)\n"
        f"{accepted / seconds.sum():.0f} events per CPU second; the whole chain takes {seconds.sum() / pythia:.2f} times Pythia\n"
        f"CPU time: {split}"
    )


class _progress:
    """A progress bar on stderr with events per second and time left; entered, it is the function that advances it."""

    def __init__(self, total: int):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
        )
        self.bar = Progress(*columns, TimeRemainingColumn(), console=Console(file=sys.stderr))
        self.task = self.bar.add_task("events", total=total, rate="")
        self.begin: tuple[float, int] | None = None

    def __call__(self, count: int) -> None:
        now = time.monotonic()
        self.begin = self.begin or (now, count)  # resumed events do not count as speed
        rate = (count - self.begin[1]) / max(now - self.begin[0], 1e-9)
        self.bar.update(
            self.task, completed=count, rate=f"{rate:.0f} events/s" if count > self.begin[1] else ""
        )

    def __enter__(self) -> "_progress":
        self.bar.start()
        return self

    def __exit__(self, *_) -> None:
        self.bar.stop()


if __name__ == "__main__":
    sys.exit(main())
