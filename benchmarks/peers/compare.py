"""A whole comparison: tasks of architectures with all libraries, measured, kept as JSON and shown as a page."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import command, limit
from benchmarks.peers import PEERS
from benchmarks.peers import architecture as arch
from benchmarks.peers.conduct import OURS, ROOT, first_draws, machine, measure, pythons_of, say, start
from benchmarks.peers.page import page

RESULTS = ROOT / "benchmarks" / "results" / "speed"
WORK = {"train": arch.training_flops, "log_prob": arch.log_prob_flops, "sample": arch.sample_flops}
BYTES = {"train": arch.training_bytes, "log_prob": arch.log_prob_bytes, "sample": arch.sample_bytes}


def work(architecture: str, task: str, of: list) -> tuple[float, float]:
    """(operations, bytes), the least that a task needs."""
    a = arch.ARCHITECTURES[architecture]
    if task == "train":
        batch, steps = of
        return steps * WORK[task](a, batch), steps * BYTES[task](a, batch)
    return WORK[task](a, *of), BYTES[task](a, *of)


def one(architecture: str, tasks: list, names: list[str], args) -> dict:
    """All tasks of one architecture; the workers live for it alone."""
    say(f"{architecture}: {arch.parameters(arch.ARCHITECTURES[architecture]):,} weights")
    pythons = pythons_of(names, args.peers)
    workers, built = start(names, pythons, args.core, architecture)
    try:
        rates = limit.rates(arch.ARCHITECTURES[architecture], args.gemm_rows, workers)
        found = []
        for task, of in tasks:
            operations, least = work(architecture, task, of)
            rows = measure(workers, task, of, args.rounds)
            found.append({"task": task, "of": of, "flops": operations, "bytes": least, "rows": rows})
    finally:
        for worker in workers:
            worker.end()
    # at most a few hundred numbers beside the networks: scales and biases of components
    result = {
        "expected": arch.parameters(arch.ARCHITECTURES[architecture]),
        "built": built,
        "gemm": rates,
        "tasks": found,
    }
    if args.first:
        able = [name for name in names if "missing" not in built[name]]
        result["first"] = first_draws(able, pythons, args.core, architecture, args.first)
    return result


def parser(doc: str, architectures: str) -> argparse.ArgumentParser:
    """Arguments that all comparisons share."""
    out = argparse.ArgumentParser(description=doc.splitlines()[0])
    out.add_argument(
        "--peers", default=os.environ.get("PEERS", ""), metavar="PYTHON", help="with the other libraries"
    )
    out.add_argument("--names", default=";".join(PEERS), help="libraries, separated by semicolons")
    out.add_argument("--architectures", default=architectures)
    out.add_argument("--rounds", type=int, default=5)
    out.add_argument("--core", type=int, help="that all workers are pinned to")
    out.add_argument("--smoke", action="store_true", help="ours alone, in seconds; nothing is written")
    out.add_argument("--first", type=int, default=0, metavar="N", help="N rounds from an empty process to draws")
    out.add_argument("--note", default="", help="what a reader of the page should know of this measurement")
    out.add_argument("--page", action="store_true", help="write the page of the last results again")
    return out


def main(name: str, args: argparse.Namespace, tasks_of: Callable[[argparse.Namespace], list], head: str) -> dict:
    """Measure, and write NAME.json and NAME.md."""
    if args.page:
        record = json.loads((RESULTS / f"{name}.json").read_text())
        Path(ROOT / "benchmarks" / f"{name}.md").write_text(page(name.capitalize(), head, record))
        return record
    architectures = command.chosen("--architectures", args.architectures, arch.ARCHITECTURES)
    names = command.chosen("--names", args.names, PEERS, ";")
    args.gemm_rows = 512
    if args.smoke:
        architectures, names, args.rounds, args.gemm_rows = ["smoke"], [OURS], 1, 64
    arguments = ["PYTHON" if args.peers and x == args.peers else x for x in sys.argv[1:]]
    about = {
        "command": f"python -m benchmarks.{name} {shlex.join(arguments)}",
        "note": args.note,
        "rounds": args.rounds,
    }
    results = {a: one(a, tasks_of(args), names, args) | about for a in architectures}
    path = RESULTS / f"{name}.json"
    if path.exists() and not args.smoke:  # architectures that this call leaves alone are kept
        results = json.loads(path.read_text())["results"] | results
    record = {"machine": machine(), "results": results}
    text = page(name.capitalize(), head, record)
    if args.smoke:
        print(text)
    else:
        RESULTS.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n")
        Path(ROOT / "benchmarks" / f"{name}.md").write_text(text)
    return record
