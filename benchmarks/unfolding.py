"""Time to quality: how long each library trains until its draws unfold the embedded sample well.

python -m benchmarks.unfolding --peers PYTHON [--core 0] [--limit 900] [--rows NAME;NAME;...] [--again] [--smoke]
python -m benchmarks.unfolding --page

Rows that are in benchmarks/results/speed/unfolding.json are not measured again without ``--again``. The page is
benchmarks/unfolding.md; OmniFold's seconds an iteration in it are those of ``benchmarks/omnifold.py speed``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from benchmarks import command
from benchmarks.peers import judge
from benchmarks.peers.conduct import ONE_THREAD, ROOT, Worker, machine, pythons_of, say
from benchmarks.unfolding_page import write_page
from jaxunfold import cli, saved
from jaxunfold.data.events import read, write
from jaxunfold.data.location import resolve

RESULT = ROOT / "benchmarks" / "results" / "speed" / "unfolding.json"
EPOCHS = (1, 2, 3, 4, 6, 8, 12)
"""Lengths of our training that are tried one after the other, each on its own."""

GROWTH = 1.25
"""How much longer a library has trained at each look at its draws than at the one before."""

COORDINATES = {
    "momenta": ("configs/cinn_paper.py", {"data.valid": "2000", "data.test": "10000"}),
    "ours": ("configs/small.py:cinn", {}),
}


class Recipe(NamedTuple):
    """What is trained: a library on a table of momenta or of our coordinates, with Adam at a constant rate."""

    library: str
    coordinates: str
    architecture: str = "small"
    rate: float = 1e-3
    batch: int = 512


RECIPES = {
    "FrEIA, momenta": Recipe("FrEIA", "momenta", "affine", rate=8e-4),
    "zuko, momenta": Recipe("zuko", "momenta"),
    "nflows, momenta": Recipe("nflows", "momenta"),
    "normflows, momenta": Recipe("normflows", "momenta"),
    "flowjax, momenta": Recipe("flowjax", "momenta"),
    "distrax, momenta": Recipe("distrax", "momenta"),
    "sbi, momenta": Recipe("sbi", "momenta"),
    "jaxunfold, our coordinates": Recipe("jaxunfold", "ours"),
    "FrEIA, our coordinates": Recipe("FrEIA", "ours", "affine", rate=8e-4),
    "zuko, our coordinates": Recipe("zuko", "ours"),
    "nflows, our coordinates": Recipe("nflows", "ours"),
    "normflows, our coordinates": Recipe("normflows", "ours"),
    "flowjax, our coordinates": Recipe("flowjax", "ours"),
    "distrax, our coordinates": Recipe("distrax", "ours"),
    "sbi, our coordinates": Recipe("sbi", "ours"),
}
OURS = {
    "jaxunfold": ("configs/small.py:cinn", {}),
    "jaxunfold, no mirror images": ("configs/small.py:cinn", {"data.augment": "()"}),
    "jaxunfold, configs/cinn.py": ("configs/cinn.py", {}),
}


def ours(config: str, words: dict, epochs: tuple[int, ...], core: int | None, seed: int) -> list[dict]:
    """Looks at our trainings, each of so many epochs, from the event file on, until one suffices."""
    looks = []
    for number in epochs:
        with tempfile.TemporaryDirectory() as folder:
            given = words | {"training.epochs": number, "training.seed": seed}
            command = [sys.executable, "-m", "benchmarks.peers.whole", config, folder]
            command += [] if core is None else ["--core", str(core)]
            command += [f"--config.{key}={value}" for key, value in given.items()]
            done = subprocess.run(
                command, cwd=ROOT, env=os.environ | ONE_THREAD, check=True, text=True, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            look = json.loads(done.stdout.splitlines()[-1])
            run = saved.load(folder)
        test = judge.held_out(run.config)
        draws = run.unfold(jax.random.key(seed), test, 1).samples
        found = judge.judge(run, test, draws, joint=True)
        looks.append({"cpu": look["cpu"], "wall": look["wall"], "updates": None, "epochs": number} | found._asdict())
        say(f"  ours, {number} epochs: {looks[-1]}")
        if found.suffices:
            break
    return looks


def peer(recipe: Recipe, python: str, core: int | None, limit: float, folder: Path) -> dict:
    """Looks at one training of another library until one suffices, or its CPU seconds are over."""
    config, words = COORDINATES[recipe.coordinates]
    table = judge.write_table(config, words, folder)
    worker = Worker(recipe.library, python, core)
    sizes = {"dim": table.truths, "features": table.features}
    built = worker.ask(do="build", architecture=recipe.architecture, sizes=sizes)
    begun = built if "missing" in built else worker.ask(
        do="fit", table=str(table.path), batch=recipe.batch, rate=recipe.rate
    )  # fmt: skip
    if "missing" in begun:
        worker.end()
        return begun
    cpu, wall, updates, looks, rate, due = begun["cpu"], begun["wall"], 0, [], None, begun["cpu"] + 5
    while cpu < limit:
        steps = 20 if rate is None else max(1, int((due - cpu) / rate))
        spent = worker.ask(do="advance", steps=steps)
        if "missing" in spent:
            worker.end()
            return spent | {"looks": looks}
        cpu, wall, updates = cpu + spent["cpu"], wall + spent["wall"], updates + steps
        rate = None if rate is None and updates < 40 else spent["cpu"] / steps  # the first steps compile
        if rate is None or cpu < 0.98 * due:
            continue
        due = GROWTH * cpu
        path = folder / "draws.npy"
        drawn = worker.ask(do="draw", out=str(path))
        samples = judge.physical(table, np.load(path)) if "missing" not in drawn else np.array([np.nan])
        found = judge.judge(table.run, table.test, samples, joint=False)
        looks.append({"cpu": cpu, "wall": wall, "updates": updates} | found._asdict())
        say(f"  {recipe.library}, {recipe.coordinates}: {looks[-1]}")
        if found.suffices or due > 1.1 * limit:
            break
    if looks and np.isfinite(looks[-1]["ks"]):
        looks[-1] |= judge.judge(table.run, table.test, samples, joint=True)._asdict()
    worker.end()
    return {"looks": looks, "parameters": built["parameters"], "versions": built["versions"]}


def measure(args) -> dict:
    """All rows that are asked for, those that are there already as they are."""
    record = json.loads(RESULT.read_text()) if RESULT.exists() else {"ours": {}, "peers": {}}
    record |= {"machine": machine(), "limit": args.limit, "note": args.note or record.get("note", "")}
    names = command.chosen("--rows", args.rows, [*OURS, *RECIPES], ";")
    names = [name for name in names if args.again or name not in record["ours"] | record["peers"]]
    pythons = pythons_of([RECIPES[name].library for name in names if name in RECIPES], args.peers)
    for name in names:
        part = "ours" if name in OURS else "peers"
        say(name)
        begin = time.monotonic()
        if name in OURS:
            config, words = OURS[name]
            record[part][name] = [ours(config, words, EPOCHS, args.core, seed) for seed in range(args.seeds)]
        else:
            with tempfile.TemporaryDirectory() as folder:
                record[part][name] = peer(
                    RECIPES[name], pythons[RECIPES[name].library], args.core, args.limit, Path(folder)
                )
                record[part][name]["recipe"] = RECIPES[name]._asdict()
        say(f"  {time.monotonic() - begin:.0f} s of the clock, judging included")
        if RESULT.exists():  # a row that another call has measured meanwhile is kept
            now = json.loads(RESULT.read_text())
            record |= {
                part: now[part] | {name: record[part][name]} if name in record[part] else now[part]
                for part in ("ours", "peers")
            }
        record["peers"] = {name: record["peers"][name] for name in RECIPES if name in record["peers"]}
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    return record


def smoke() -> list[dict]:
    """One look at ours after an epoch of 2,000 events, nothing is written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "few.h5"
        write(path, read(resolve("sample:zw_2jet"), require_truth=True)[:2500])
        words = {"data.path": str(path), "data.valid": "100", "data.test": "400"}
        # momenta and one small affine block: quick to compile
        words |= {"model.flow.blocks": "1", "model.flow.hidden": "8", "model.mmd_weight": "0.0"}
        return ours("configs/cinn_paper.py:smoke", words, EPOCHS[:1], None, 0)


def carry_out(args: argparse.Namespace) -> None:
    """Measure, or write the page of what was measured."""
    if args.smoke:
        print(json.dumps(smoke()))
        return
    write_page(json.loads(RESULT.read_text()) if args.page else measure(args))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=os.environ.get("PEERS", ""), metavar="PYTHON", help="other libraries'")
    parser.add_argument("--core", type=int, help="that all trainings are pinned to")
    parser.add_argument("--limit", type=float, default=900.0, help="CPU seconds of another library's training")
    parser.add_argument("--rows", default=";".join([*OURS, *RECIPES]), help="separated by semicolons")
    parser.add_argument("--seeds", type=int, default=3, help="of ours")
    parser.add_argument("--note", default="", help="what a reader should know of this measurement")
    parser.add_argument("--again", action="store_true", help="also rows that are there already")
    parser.add_argument("--smoke", action="store_true", help="ours alone and short; nothing is written")
    parser.add_argument("--page", action="store_true", help="write the page of the last results again")
    raise SystemExit(cli.run_command(carry_out, parser))


if __name__ == "__main__":
    main()
