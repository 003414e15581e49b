"""Killed with SIGKILL at any moment and started again, training ends as if nothing had happened."""

import json
import os
import random
import subprocess
import sys
import time

import toy_regression as toy

SCRIPT = [sys.executable, toy.__file__]


def start(workdir):
    return subprocess.Popen([*SCRIPT, str(workdir)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_sigkill_at_random_moments_changes_no_bit(tmp_path):
    loop = toy.make_loop(None, [toy.training.early_stopping(8)])
    expected = [toy.digest(loop(stage, toy.init, toy.step, toy.evaluate)) for stage in ("first", "second")]

    # Writing checkpoints is what takes most of the time here, so that some moments fall into it.
    rng, killed_at = random.Random(0), []
    for dispatches in (3, 30, 45):
        process = start(tmp_path)
        for _ in range(dispatches):
            line = process.stdout.readline()
            if not line:
                break
        time.sleep(rng.uniform(0.0, 0.1))
        process.kill()
        _, error = process.communicate()
        assert process.returncode == -9, error
        killed_at.append(line.split()[:1] + line.split()[2:])
    assert killed_at[0][0] == "first"
    assert killed_at[-1][0] == "second"

    process = start(tmp_path)
    output, error = process.communicate()
    assert process.returncode == 0, error
    assert output.splitlines()[-1] == f"digest {expected[0]} {expected[1]}"
    assert output.startswith("second start")

    with open(tmp_path / "metrics.jsonl") as file:
        lines = [json.loads(line) for line in file]
    assert [(line["stage"], line["epoch"]) for line in lines] == [
        (stage, epoch) for stage in ("first", "second") for epoch in range(1, 11)
    ]
    assert not [name for name in os.listdir(tmp_path / "checkpoints" / "second") if name.startswith(".tmp")]
