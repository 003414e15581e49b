"""A process that holds one library's flow and times tasks when told to: one JSON object a line, in and out.

python -m benchmarks.peers.worker NAME [--core N]         then lines on standard input:
    {"do": "build", "architecture": "affine"}             -> {"parameters", "versions", "cpu", "wall"}
    {"do": "prepare", "task": "train", "of": [512, 4]}    -> {"first_cpu", "compile_cpu", "chunk"}
    {"do": "run", "task": "train", "of": [512, 4]}        -> {"cpu", "wall", "peak_mib", "value"}
    {"do": "gemm", "shape": [m, k, n]}                    -> {"gflops"}
    {"do": "fit", "table": FILE, "batch": 512, "rate": 0.001}    -> {"cpu", "wall"} of the process so far
    {"do": "advance", "steps": 50}                        -> {"cpu", "wall", "value"} of these steps
    {"do": "draw", "out": FILE}                           -> {"cpu", "wall"}; one draw of each test event, as .npy
python -m benchmarks.peers.worker NAME --first ARCHITECTURE [--folder DIR]   draws 60 times for one event and ends
python -m benchmarks.peers.worker NAME --save ARCHITECTURE --folder DIR      leaves a run for --first

Seconds of CPU are those of all threads of the process; the peak is of resident memory during the task.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import limit
from benchmarks.peers import PACKAGES, RECIPES, NotOffered
from benchmarks.peers.architecture import ARCHITECTURES

CHUNKS = {"log_prob": (1024, 1 << 30), "sample": (20, 1 << 30)}
"""Events at a time among which a peer gets the fastest, tried on a part of the task."""

TRIAL = {"log_prob": 4096, "sample": 60}


def clock() -> tuple[float, float]:
    """Seconds of CPU of this process, and of the wall."""
    return time.process_time(), time.perf_counter()


def timed(task) -> dict:
    """What a task cost and answered."""
    reset_peak()
    begin = clock()
    value = task()
    cpu, wall = (b - a for a, b in zip(begin, clock()))
    return {"cpu": cpu, "wall": wall, "peak_mib": peak_mib(), "value": value}


def started() -> float:
    """When this process began, seconds since the epoch."""
    try:
        with open("/proc/self/stat") as file, open("/proc/stat") as all_of_them:
            ticks = int(file.read().rsplit(")", 1)[1].split()[19])
            boot = next(int(line.split()[1]) for line in all_of_them if line.startswith("btime"))
        return boot + ticks / os.sysconf("SC_CLK_TCK")
    except OSError:
        return time.time() - time.process_time()


def reset_peak() -> None:
    """Let the kernel count the peak of resident memory anew, where it does that."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def peak_mib() -> float:
    """Peak of resident memory since ``reset_peak``, or since the start."""
    try:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def module_of(name: str):
    """The file of a library."""
    return importlib.import_module(f"benchmarks.peers.{RECIPES[name][0]}")


def load(name: str, architecture: str, **sizes):
    """The peer, built; sizes: of an architecture, other than its own."""
    return module_of(name).build(ARCHITECTURES[architecture]._replace(**sizes), 0, RECIPES[name][1])


def draw_first(name: str, architecture: str, folder: Path | None) -> None:
    """Draws of one event by a process that was empty before."""
    module = module_of(name)
    if hasattr(module, "first"):
        module.first(ARCHITECTURES[architecture], folder)
    else:
        load(name, architecture).sample(1, 60, 1)()


def best_chunk(peer, task: str, of: list) -> tuple[int, float | None]:
    """The number of events at a time with which a part of the task is fastest, and the CPU its first call took more.

    The second is None where the task itself is to tell.
    """
    make, size = getattr(peer, task), min(of[0], TRIAL[task])
    if not peer.chunks:
        return 0, None
    seconds = {}
    for chunk in sorted({min(chunk, size) for chunk in CHUNKS[task]}):
        trial = make(size, *of[1:], chunk)
        first, again = timed(trial)["cpu"], timed(trial)["cpu"]
        seconds[chunk] = (again, first - again)
    chunk = min(seconds, key=seconds.get)
    # the whole of the trial stands for the largest of the choices
    return (chunk, max(0.0, seconds[chunk][1])) if chunk < size else (of[0], None)


def fit(state: dict, request: dict) -> dict:
    """Get ready to train on a table: ``truth`` [n, d], ``features`` [n, r] and ``test`` [m, r] of an .npz."""
    table = np.load(request["table"])
    state["test"] = table["test"]
    state["fit"] = state["peer"].fit(table["truth"], table["features"], request["batch"], request["rate"])
    return {"cpu": time.process_time(), "wall": time.time() - started()}


def advance(state: dict, request: dict) -> dict:
    """Train on."""
    return timed(lambda: state["fit"][0](request["steps"]))


def draw(state: dict, request: dict) -> dict:
    """One draw of each test event."""
    return timed(lambda: np.save(request["out"], state["fit"][1](state["test"])))


FITTING = {"fit": fit, "advance": advance, "draw": draw}


def answer(state: dict, name: str, request: dict) -> dict:
    """Carry out one request."""
    if request["do"] == "build":
        begin = clock()
        state.clear()
        state["peer"] = load(name, request["architecture"], **request.get("sizes", {}))
        cpu, wall = (b - a for a, b in zip(begin, clock()))
        versions = {p: importlib.metadata.version(p) for p in PACKAGES[RECIPES[name][0]]}
        return {"parameters": int(state["peer"].parameters), "versions": versions, "cpu": cpu, "wall": wall}
    if request["do"] in FITTING:
        return FITTING[request["do"]](state, request)
    peer = state["peer"]
    if request["do"] == "gemm":
        return {"gflops": limit.rate(peer.gemm(*request["shape"]), request["shape"])}
    task, of = request["task"], request["of"]
    key = (task, *of)
    if request["do"] == "prepare":
        chunk, compiled = (None, None) if task == "train" else best_chunk(peer, task, of)
        state[key] = getattr(peer, task)(*of, *([] if chunk is None else [chunk]))
        return {"first_cpu": timed(state[key])["cpu"], "compile_cpu": compiled, "chunk": chunk}
    found = [timed(state[key]) for _ in range(request.get("repeats", 1))]
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def serve(name: str, out) -> None:
    """Answer requests until there are no more."""
    state: dict = {}
    for line in sys.stdin:
        try:
            reply = answer(state, name, json.loads(line))
        except NotOffered as reason:
            reply = {"missing": str(reason)}
        except ImportError as error:
            reply = {"missing": f"not installed ({error}): pip install -r benchmarks/peers/requirements.txt"}
        except Exception as error:
            reply = {"missing": f"failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
        out.write(json.dumps(reply) + "\n")
        out.flush()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--core", type=int)
    parser.add_argument("--first", choices=ARCHITECTURES)
    parser.add_argument("--save", choices=ARCHITECTURES, help="leave a run in --folder and end")
    parser.add_argument("--folder", type=Path, help="of a trained run, for libraries that save one")
    args = parser.parse_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    # libraries print: their lines go to the error stream, answers to what was standard output
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if args.save:
        module_of(args.name).save(ARCHITECTURES[args.save], args.folder)
        return
    if args.first:
        draw_first(args.name, args.first, args.folder)
        out.write(json.dumps({"cpu": time.process_time()}) + "\n")
        out.flush()
        return
    serve(args.name, out)


if __name__ == "__main__":
    main()
