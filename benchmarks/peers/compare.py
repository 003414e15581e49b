"""A whole comparison: tasks of architectures with all libraries, as JSON, and as a page with tables and a figure."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import limit
from benchmarks.peers import PEERS
from benchmarks.peers import architecture as arch
from benchmarks.peers.conduct import OURS, ROOT, machine, measure, pythons_of, say, start

RESULTS = ROOT / "benchmarks" / "results" / "speed"
WORK = {"train": arch.training_flops, "log_prob": arch.log_prob_flops, "sample": arch.sample_flops}
BYTES = {"train": arch.training_bytes, "log_prob": arch.log_prob_bytes, "sample": arch.sample_bytes}

AIMS = {
    "affine": {"train": 1.0, "log_prob": 1.15, "sample": 2.2},
    "spline": {"train": 1.1, "sample": 1.7},
}
"""Time of the fastest of the others over ours that we want to reach at least, on a CPU."""


def work(architecture: str, task: str, of: list) -> tuple[float, float]:
    """(operations, bytes), the least that a task needs."""
    a = arch.ARCHITECTURES[architecture]
    if task == "train":
        batch, steps = of
        return steps * WORK[task](a, batch), steps * BYTES[task](a, batch)
    return WORK[task](a, *of), BYTES[task](a, *of)


def title(task: str, of: list) -> str:
    """A task in words."""
    if task == "train":
        return f"training step, batch {of[0]}"
    return f"log-probability of {of[0]:,}" if task == "log_prob" else f"draws, {of[0]:,} events x {of[1]}"


def one(architecture: str, tasks: list, names: list[str], args) -> dict:
    """All tasks of one architecture; the workers live for it alone."""
    say(f"{architecture}: {arch.parameters(arch.ARCHITECTURES[architecture]):,} weights")
    workers, built = start(names, pythons_of(names, args.peers), args.core, architecture)
    try:
        rates = limit.rates(arch.ARCHITECTURES[architecture], args.gemm_rows, workers)
        found = []
        for task, of in tasks:
            operations, least = work(architecture, task, of)
            rows = measure(workers, task, of, args.rounds)
            found.append({"task": task, "of": of, "flops": operations, "bytes": least, "rows": rows})
        # at most a few hundred numbers beside the networks: scales and biases of components
        return {
            "expected": arch.parameters(arch.ARCHITECTURES[architecture]),
            "built": built,
            "gemm": rates,
            "tasks": found,
        }
    finally:
        for worker in workers:
            worker.end()


def table(result: dict) -> str:
    """The tasks of one architecture as Markdown."""
    best = max(rate for row in result["gemm"].values() for rate in row.values())
    lines = [f"Limit: {best:.0f} GFLOP/s, the best matrix product that any library reached on the core.", ""]
    for task in result["tasks"]:
        steps = task["of"][1] if task["task"] == "train" else 1
        lines += [
            f"{title(task['task'], task['of'])}: {task['flops'] / steps / 1e9:.1f} GFLOP and "
            f"{task['bytes'] / steps / 1e6:.0f} MB at least.", "",
            "| | parameters | CPU [s] | wall [s] | over ours (range) | of limit | compiling [s] | peak [MiB] |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        ]  # fmt: skip
        for name, built in result["built"].items():
            row = task["rows"].get(name, built)
            if "missing" in row:
                lines.append(f"| {name} | {row['missing']} | | | | | | |")
                continue
            spread = f" ({min(row['ratios']):.2f} to {max(row['ratios']):.2f})" if row["ratios"] else ""
            share = task["flops"] / 1e9 / row["cpu"] / best
            cells = (
                name, f"{built['parameters']:,}", f"{row['cpu'] / steps:.3f}", f"{row['wall'] / steps:.3f}",
                f"{row['ratio']:.2f}{spread}", f"{100 * share:.0f} %", f"{row['compile_cpu']:.1f}",
                f"{row['peak_mib']:,.0f}",
            )  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def best_peer(rows: dict) -> tuple[str, float] | None:
    """(name, its seconds over ours) of the fastest of the others."""
    others = {name: row["ratio"] for name, row in rows.items() if name != OURS and "missing" not in row}
    return min(others.items(), key=lambda pair: pair[1]) if others else None


def verdict(results: dict) -> str:
    """Each task against the fastest of the others, and what is aimed at."""
    lines = [
        "| architecture | task | fastest of the others | its CPU time over ours | aim |",
        "|---|---|---|---:|---:|",
    ]
    for name, result in results.items():
        aims = AIMS["spline" if arch.ARCHITECTURES[name].bins else "affine"]
        for task in result["tasks"]:
            if best := best_peer(task["rows"]):
                cells = (
                    name,
                    title(task["task"], task["of"]),
                    best[0],
                    f"{best[1]:.2f}",
                    str(aims.get(task["task"], "")),
                )
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(name: str, head: str, record: dict) -> str:
    """The page of a benchmark."""
    versions = {}
    for result in record["results"].values():
        for built in result["built"].values():
            versions |= built.get("versions", {})
    about, known = record["machine"], ", ".join(f"{key} {value}" for key, value in versions.items())
    judged = "Where the CPU time over ours is above 1 we are faster, below 1 slower."
    lines = [
        f"# {name}", "", head, "", f"    {record['command']}", "",
        f"{about['cpu']}, {about['cores']} cores of which one is used, {about['memory_gib']} GiB; "
        f"Python {about['python']}, {known}. {record['rounds']} rounds.",
        "", *([record["note"], ""] if record.get("note") else []), judged, "", verdict(record["results"]), "",
    ]  # fmt: skip
    for architecture, result in record["results"].items():
        lines += [f"## {architecture}, {result['expected']:,} weights", "", table(result)]
    return "\n".join(lines).rstrip("\n") + "\n"


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
    out.add_argument("--note", default="", help="what a reader of the page should know of this measurement")
    out.add_argument("--page", action="store_true", help="write the page of the last results again")
    return out


def main(name: str, args: argparse.Namespace, tasks_of: Callable[[argparse.Namespace], list], head: str) -> dict:
    """Measure, and write NAME.json and NAME.md."""
    if args.page:
        record = json.loads((RESULTS / f"{name}.json").read_text())
        Path(ROOT / "benchmarks" / f"{name}.md").write_text(page(name.capitalize(), head, record))
        return record
    architectures, names = args.architectures.split(","), args.names.split(";")
    args.gemm_rows = 512
    if args.smoke:
        architectures, names, args.rounds, args.gemm_rows = ["smoke"], [OURS], 1, 64
    results = {a: one(a, tasks_of(args), names, args) for a in architectures}
    arguments = ["PYTHON" if args.peers and x == args.peers else x for x in sys.argv[1:]]
    command = f"python -m benchmarks.{name} {shlex.join(arguments)}"
    record = {"command": command, "note": args.note, "machine": machine(), "rounds": args.rounds, "results": results}
    text = page(name.capitalize(), head, record)
    if args.smoke:
        print(text)
    else:
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
        Path(ROOT / "benchmarks" / f"{name}.md").write_text(text)
    return record
