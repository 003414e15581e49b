"""What simulated events cost, stage by stage, and how that scales with worker processes.

python -m benchmarks.simulation [--events 2000] [--rounds 3] [--workers 1,2] [--core 0] [--smoke]

*Stages* are CPU seconds of one process, of seeds of their own in turn; Pythia alone is the floor, for everything
after it could at best cost nothing. *Workers* are whole calls of ``python -m jaxunfold.simulate``, start included.
Writes benchmarks/results/speed/simulation.json, figures/speed_simulation.png and simulation.md.
"""

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from benchmarks.growth import python, run
from benchmarks.peers.conduct import ROOT, machine, say
from jaxunfold import config as configs
from jaxunfold.report import style
from jaxunfold.simulation import process as processes
from jaxunfold.simulation.chunk import STAGES, run_chunk

CONFIG = str(ROOT / "configs" / "data" / "zw_2jet.py")
PAGE = ROOT / "benchmarks"
WORK = STAGES[1:]
"""What an event costs; Pythia's start is paid once a chunk."""
HEAD = """# Simulation

    {command}

What an event of `configs/data/zw_2jet.py` costs: Pythia 8 with parton shower and hadronisation, the fast detector,
anti-kT jets, selection. No package that could stand beside it is on PyPI: Delphes is a build of its own.
{machine[cpu]}, {machine[memory_gib]:.0f} GiB, Python {machine[python]}.
"""


def stages(events: int, rounds: int) -> dict:
    """CPU seconds by stage, accepted and generated events, of so many chunks."""
    process = processes.from_config(configs.load(CONFIG).to_dict())
    chunks = [run_chunk(process, seed, 0, events) for seed in range(rounds)]
    return {
        "accepted": [len(c.truth) for c in chunks],
        "generated": [c.generated for c in chunks],
        "seconds": [dict(zip(STAGES, c.seconds.tolist())) for c in chunks],
    }


def commands(events: int, workers: tuple[int, ...], core: int | None) -> list[dict]:
    """Whole calls with so many worker processes each."""
    found = []
    for number in workers:
        with tempfile.TemporaryDirectory() as folder:
            words = ("--config", CONFIG, "--events", events, "--out", Path(folder) / "a.h5", "--workers", number)
            measured = run([python("jaxunfold.simulate", *words)], core if number == 1 else None)
        found.append({"workers": number} | {key: measured[key] for key in ("cpu", "wall", "peak_mib")})
        say(f"  {number} workers: {measured['cpu']:.1f} s of CPU, {measured['wall']:.1f} s")
    return found


def each(found: dict, stage: str) -> list[float]:
    """Milliseconds of CPU an accepted event of a stage, one number a round."""
    return [1e3 * s[stage] / n for s, n in zip(found["seconds"], found["accepted"])]


def figure(found: dict, path: Path) -> None:
    """Cost of an accepted event by stage, and its range over rounds."""
    with style.context():
        fig, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
        for place, stage in enumerate(WORK):
            times = each(found, stage)
            middle = statistics.median(times)
            ax.barh(place, middle, color="C0")
            ax.plot([min(times), max(times)], [place, place], color="k")
            ax.text(max(times), place, f" {middle:.2f}", va="center")
        ax.set(xlabel="CPU time an accepted event [ms]", yticks=range(len(WORK)), yticklabels=WORK)
        ax.set_xlim(0, 1.15 * ax.get_xlim()[1])
        ax.invert_yaxis()
        fig.savefig(path, dpi=150)
        plt.close(fig)


def page(record: dict) -> str:
    """The page."""
    found = record["stages"]
    total = [sum(times) for times in zip(*(each(found, stage) for stage in WORK))]
    rows = ["| stage | CPU an accepted event [ms] | share |", "|---|---:|---:|"]
    for stage in WORK:
        times = each(found, stage)
        middle = statistics.median(times)
        spread = f"{middle:.2f} ({min(times):.2f} to {max(times):.2f})"
        rows.append(f"| {stage} | {spread} | {middle / statistics.median(total):.0%} |")
    fraction = sum(found["accepted"]) / sum(found["generated"])
    lines = [HEAD.format(**record), *rows, ""]
    lines += [
        f"{1e3 / statistics.median(total):.0f} events a CPU second; {fraction:.1%} of the collisions that Pythia "
    ]
    lines[-1] += (
        f"goes through with are accepted. {len(total)} rounds of {found['accepted'][0]:,} events. Pythia's start: "
    )
    lines[-1] += f"{statistics.median(s['start'] for s in found['seconds']):.2f} s once a chunk, not counted."
    lines += ["", "![CPU time by stage](figures/speed_simulation.png)", "", "## Whole commands", ""]
    lines += [f"{record['events']:,} events, start of Python and Pythia included.", ""]
    lines += ["| workers | CPU [s] | wall [s] | peak of the largest process [MiB] |", "|---:|---:|---:|---:|"]
    lines += [
        f"| {c['workers']} | {c['cpu']:.1f} | {c['wall']:.1f} | {c['peak_mib']:,.0f} |" for c in record["commands"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--core", type=int, default=None)
    parser.add_argument("--smoke", action="store_true", help="tiny, and nothing is written")
    args = parser.parse_args()
    events, rounds, workers = (5, 1, "1") if args.smoke else (args.events, args.rounds, args.workers)
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    found = stages(events, rounds)
    if args.core is not None:
        os.sched_setaffinity(0, range(os.cpu_count()))
    numbers = tuple(int(w) for w in workers.split(","))
    command = f"python -m benchmarks.simulation --events {events} --rounds {rounds} --workers {workers}"
    record = {"command": command, "machine": machine(), "events": events, "stages": found}
    record["commands"] = commands(events, numbers, args.core)
    text = page(record)
    if not args.smoke:
        (PAGE / "results" / "speed" / "simulation.json").write_text(json.dumps(record, indent=1) + "\n")
        figure(found, PAGE / "figures" / "speed_simulation.png")
        (PAGE / "simulation.md").write_text(text)
    say(text)


if __name__ == "__main__":
    main()
