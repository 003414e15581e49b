"""What benchmarks over several seeds share: a training that is done once, a number over the seeds, a table."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from jaxunfold import config as configs
from jaxunfold.train import fit


def trained(config: str, workdir: Path, seed: int, data: str = "", overrides: Sequence[str] = ()) -> Path:
    """Train, go on where an earlier start left off, or find what is there; returns the folder of the report."""
    command = [sys.executable, "-m", "jaxunfold.train", "--config", config, "--workdir", str(workdir)]
    command += [f"--config.training.seed={seed}", *overrides] + (["--data", data] if data else [])
    if not (workdir / "report" / "metrics.json").exists():
        subprocess.run(command, check=True)
    return workdir / "report"


def generated(
    config: str, folder: Path, seed: int, num: int, overrides: Mapping[str, str] | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """(num generated events, held-out ones, CPU seconds of the training) of a generator, trained in its folder."""
    chosen = configs.override(configs.load(config), [("training.seed", str(seed)), *(overrides or {}).items()])
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.process_time()
    run, test = fit(chosen, folder)
    jax.block_until_ready(run.state)
    seconds = time.process_time() - begin
    return np.concatenate(list(run.generate(jax.random.key(seed), num))), test.truth, seconds


def cell(values: Sequence[float | None], form: str) -> str:
    """Mean and range as text; the mean alone where the range is no wider than its last digit, a dash for nothing."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    mean, low, high = (form.format(x) for x in (sum(known) / len(known), min(known), max(known)))
    return mean if low == high else f"{mean} ({low} to {high})"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
