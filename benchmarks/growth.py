"""How cost grows with events, draws, dimensions, blocks, devices and processes: CPU seconds and peak resident memory.

python -m benchmarks.growth [--only events,draws] [--largest 10000000] [--core 0] [--smoke]

Every point is a process of its own, or two. *events* and *draws* are whole calls of ``python -m jaxunfold.unfold`` on
files of ``benchmarks.enlarge``, start and compilation included; *dimensions*, *blocks* and *devices* (virtual ones of
one core) are training steps and draws of an affine flow at random weights, compilation apart; *processes* are whole
calls of ``python -m jaxunfold.train`` that train as one over loopback. Writes benchmarks/results/growth.json,
figures/growth.png and growth.md; parts that were not asked for stay as they are.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import enlarge, growth_page
from benchmarks.peers.architecture import Architecture
from benchmarks.peers.conduct import ONE_THREAD, ROOT, machine, say

RESULT = ROOT / "benchmarks" / "results" / "growth.json"
BASE = Architecture(8, 128, 2, 2, 256, 64)
BATCH, STEPS, EVENTS, DRAWS = 512, 8, 500, 40
SIZES = {
    "events": (10_000, 100_000, 1_000_000),
    "draws": (1, 100, 1000),
    "dimensions": (12, 50, 200),
    "blocks": (4, 12, 32),
    "devices": (1, 2, 4),
    "processes": (1, 2),
}
SMOKE = {
    "events": (50, 100),
    "draws": (1, 2),
    "dimensions": (4,),
    "blocks": (1, 2),
    "devices": (1, 2),
    "processes": (1,),
}


def run(commands: list[list[str]], core: int | None, **environment: str) -> dict:
    """Run commands side by side: {"cpu" of all together, "wall", "peak_mib" of the largest, "said" by the first}.

    CPU and memory are the kernel's count of each process and its children. Raises: RuntimeError where one fails.
    """
    begin, folder = time.perf_counter(), tempfile.TemporaryDirectory()
    with folder as where:
        started = []
        for number, command in enumerate(commands):
            pinned = command if core is None else ["taskset", "-c", str(core), *command]
            with open(Path(where) / f"{number}.out", "w") as out, open(Path(where) / f"{number}.err", "w") as err:
                env = os.environ | ONE_THREAD | environment
                started.append(subprocess.Popen(pinned, cwd=ROOT, env=env, stdout=out, stderr=err))
        cpu, peak = 0.0, 0.0
        for number, process in enumerate(started):
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise RuntimeError(f"{commands[number]}: {(Path(where) / f'{number}.err').read_text()[-500:]}")
            cpu, peak = cpu + used.ru_utime + used.ru_stime, max(peak, used.ru_maxrss / 1024)
        said = (Path(where) / "0.out").read_text()
    return {"cpu": cpu, "wall": time.perf_counter() - begin, "peak_mib": peak, "said": said}


def python(*words) -> list[str]:
    """A command of this Python."""
    return [sys.executable, "-m", *map(str, words)]


def unfold(data: Path, draws: int, model: str, core: int | None) -> dict:
    """A whole call of ``jaxunfold.unfold``, and the size of what it writes."""
    out = data.with_name("draws.h5")
    words = ("jaxunfold.unfold", "--workdir", model, "--data", data, "--out", out, "--draws", draws)
    found = run([python(*words)], core)
    found["megabytes"] = out.stat().st_size / 1e6
    out.unlink()
    return found


def flow(a: Architecture, batch: int, steps: int, events: int, draws: int) -> dict:
    """CPU seconds of a training step and of a thousand draws of a flow in this process, and of their first calls."""
    from benchmarks.peers import ours

    peer, found = ours.build(a, 0, False), {"parameters": 0}
    found["parameters"] = int(peer.parameters)
    for name, task, count in (
        ("step", peer.train(batch, steps), steps),
        ("thousand_draws", peer.sample(events, draws, 0), events * draws / 1000),
    ):
        seconds = []
        for _ in range(4):
            begin = time.process_time()
            task()
            seconds.append(time.process_time() - begin)
        found[name] = float(np.median(seconds[1:])) / count
        found[f"{name}_first"] = seconds[0]
    return found


def point(a: Architecture, args: argparse.Namespace, devices: int = 1) -> dict:
    """``flow`` in a process of its own with so many virtual devices."""
    size = (32, 2, 8, 4) if args.smoke else (BATCH, STEPS, EVENTS, DRAWS)
    flags = f"{ONE_THREAD['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
    found = run([python("benchmarks.growth", "--point", json.dumps([a, size]))], args.core, XLA_FLAGS=flags)
    return found | json.loads(found["said"].splitlines()[-1])


def processes(number: int, folder: Path, args: argparse.Namespace) -> dict:
    """A whole training of a small flow in so many processes that train as one."""
    from jaxunfold.data.events import Events, write

    n, rng = 2000 if args.smoke else 20_000, np.random.default_rng(0)
    truth = rng.normal(size=(n, 6)).astype(np.float32)
    write(folder / "table.h5", Events(truth + rng.normal(size=truth.shape).astype(np.float32), truth))
    words = ["jaxunfold.train", "--config", "configs/table.py:smoke", "--data", folder / "table.h5"]
    words += ["--workdir", folder / f"run{number}", "--config.data.test=0"]
    words += [f"--config.training.epochs={1 if args.smoke else 10}"]
    if number == 1:
        return run([python(*words)], args.core)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words += ["--coordinator", f"127.0.0.1:{port}", "--processes", number, "--process-id"]
    return run([python(*words, i) for i in range(number)], args.core)


def measure(part: str, size: int, folder: Path, args: argparse.Namespace) -> dict:
    """One point."""
    if part == "events":
        enlarge.enlarge(folder / "events.h5", size)
        return unfold(folder / "events.h5", 1, args.model, args.core)
    if part == "draws":
        enlarge.enlarge(folder / "few.h5", 20 if args.smoke else 1000)
        return unfold(folder / "few.h5", size, args.model, args.core)
    base = BASE._replace(hidden=16, cond_units=16, cond_size=8, blocks=2) if args.smoke else BASE
    if part == "processes":
        return processes(size, folder, args)
    if part == "devices":
        return point(base, args, size)
    return point(base._replace(**{{"dimensions": "dim"}.get(part, part): size}), args)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--only", default=",".join(SIZES), help="parts, separated by commas")
    parser.add_argument("--largest", type=int, help="one more point of events, e.g. 10000000")
    parser.add_argument("--model", default="model:zw_2jet", help="run that unfolds")
    parser.add_argument("--core", type=int, help="core that everything is pinned to")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, into a temporary folder")
    parser.add_argument("--point", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.point:
        architecture, size = json.loads(args.point)
        print(json.dumps(flow(Architecture(*architecture), *size)))
        return
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "growth.json" if args.smoke else RESULT
        record = json.loads(result.read_text()) if result.exists() else {"parts": {}}
        for part in args.only.split(","):
            sizes = (SMOKE if args.smoke else SIZES)[part]
            if part == "events" and args.largest:
                sizes = (*sizes, args.largest)
            points = []
            for size in sizes:
                found = measure(part, size, Path(folder), args)
                points.append({"size": size} | {key: value for key, value in found.items() if key != "said"})
                say(part, points[-1])
            about = {"machine": machine(), "core": args.core, "model": args.model}
            record["parts"][part] = {"points": points, **about}
            result.write_text(json.dumps(record, indent=1) + "\n")
            growth_page.write(record, Path(folder) if args.smoke else ROOT / "benchmarks")


if __name__ == "__main__":
    main()
