"""Workers of all libraries side by side: started on one core, asked in turn, ratios of neighbours in time."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import RECIPES
from jaxunfold.errors import InputError

ROOT = Path(__file__).parents[2]
OURS = "jaxunfold"
ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "ignore",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}  # fmt: skip


class Row(NamedTuple):
    """What a task costs with one library: seconds of CPU and of the wall, medians over rounds.

    ratio: median over rounds of (theirs / ours), both measured one after the other; above 1 we are faster.
    compile_cpu: What the first call took more. peak_mib: of resident memory. rounds: seconds of CPU in each.
    """

    cpu: float
    wall: float
    ratio: float
    ratios: list[float]
    compile_cpu: float
    peak_mib: float
    chunk: int | None
    rounds: list[float]


class Worker:
    """A process with one library, pinned to a core; ``ask`` sends a request and waits for its answer."""

    def __init__(self, name: str, python: str, core: int | None):
        command = [python, "-m", "benchmarks.peers.worker", name]
        command += [] if core is None else ["--core", str(core)]
        self.name = name
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | ONE_THREAD, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, **request) -> dict:
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"missing": f"ended with status {self.process.wait()}"}

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def say(*words) -> None:
    """Progress, on the error stream."""
    print(*words, file=sys.stderr, flush=True)


def start(names: list[str], pythons: dict[str, str], core: int | None, architecture: str) -> tuple[list, dict]:
    """(workers that are ready, {name: what their build answered}) of the libraries; ours first."""
    ready, built = [], {}
    for name in names:
        if not pythons[name]:
            built[name] = {"missing": "not installed: see benchmarks/peers/requirements.txt, then --peers PYTHON"}
            continue
        worker = Worker(name, pythons[name], core)
        built[name] = worker.ask(do="build", architecture=architecture)
        say(f"  {name}: {built[name]}")
        if "missing" in built[name]:
            worker.end()
        else:
            ready.append(worker)
    return ready, built


def measure(workers: list[Worker], task: str, of: list, rounds: int) -> dict:
    """{name: Row, or why there is none} of one task: ours before each of the others, again and again."""
    first, found = {}, {}
    for worker in workers:
        first[worker.name] = worker.ask(do="prepare", task=task, of=of)
        say(f"  {task} {of} {worker.name}: {first[worker.name]}")
    able = [worker for worker in workers if "missing" not in first[worker.name]]
    ours = [worker for worker in able if worker.name == OURS]
    times = {worker.name: [] for worker in able}
    pairs = {worker.name: [] for worker in able}
    for _ in range(rounds):
        for worker in [w for w in able if w.name != OURS] or ours:
            before = ours[0].ask(do="run", task=task, of=of) if ours else None
            if before:
                times[OURS].append(before)
            if worker.name == OURS:
                continue
            times[worker.name].append(worker.ask(do="run", task=task, of=of))
            if before:
                pairs[worker.name].append(times[worker.name][-1]["cpu"] / before["cpu"])
    for name, answers in first.items():
        if "missing" in answers:
            found[name] = answers
            continue
        middle = {key: statistics.median(one[key] for one in times[name]) for key in ("cpu", "wall", "peak_mib")}
        compiled = answers["compile_cpu"]
        compiled = max(0.0, answers["first_cpu"] - middle["cpu"]) if compiled is None else compiled
        ratio = statistics.median(pairs[name]) if pairs[name] else 1.0
        found[name] = Row(
            middle["cpu"], middle["wall"], ratio, pairs[name], compiled, middle["peak_mib"], answers["chunk"],
            [one["cpu"] for one in times[name]],
        )._asdict()  # fmt: skip
        say(f"  {task} {of} {name}: {middle['cpu']:.3f} s of CPU, {ratio:.2f} times ours, compiled {compiled:.1f} s")
    return found


def first_draws(names: list[str], pythons: dict[str, str], core: int | None, architecture: str, rounds: int) -> dict:
    """{name: {"cpu", "wall", "rounds"}, or why there is none}: from an empty process to 60 draws of one event.

    Medians over rounds, all libraries in turn; imports, building or loading the network, and compilation included.
    """
    with tempfile.TemporaryDirectory() as folder:

        def run(name, *words):
            command = [pythons[name], "-m", "benchmarks.peers.worker", name, *words, "--folder", folder]
            command += [] if core is None else ["--core", str(core)]
            begin = time.perf_counter()
            done = subprocess.run(command, cwd=ROOT, env=os.environ | ONE_THREAD, capture_output=True, text=True)
            return done, time.perf_counter() - begin

        run(OURS, "--save", architecture)
        times = {name: [] for name in names if pythons[name]}
        for _ in range(rounds):
            for name in list(times):
                done, wall = run(name, "--first", architecture)
                if done.returncode:
                    del times[name]  # it cannot, and says why where it is built
                    continue
                times[name].append((json.loads(done.stdout.splitlines()[-1])["cpu"], wall))
    found = {}
    for name, pairs in times.items():
        cpu, wall = (statistics.median(column) for column in zip(*pairs))
        found[name] = {"cpu": cpu, "wall": wall, "rounds": [pair[0] for pair in pairs]}
        say(f"  first draw {name}: {cpu:.1f} s of CPU, {wall:.1f} s of the wall")
    return found


def pythons_of(names: list[str], peers: str) -> dict[str, str]:
    """The Python of each library: ours is this one. Raises: InputError where that of the others cannot be run."""
    others = [name for name in names if RECIPES[name][0] != "ours"]
    if others and shutil.which(peers) is None:
        raise InputError(f"--peers: expected a Python that has {others[0]}, found {peers!r}")
    return {name: peers if name in others else sys.executable for name in names}


def machine() -> dict:
    """What the numbers are of."""
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory, 1), "system": platform.release(),
        "python": platform.python_version(),
    }  # fmt: skip
