"""``train`` in two processes that share a workdir: the run of one process."""

import os
import socket
import subprocess
import sys

import numpy as np
from tiny_runs import TABLE

from jaxunfold.training.callbacks import read_metrics


def test_two_processes_leave_the_run_of_one(table_run, table_file, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "jaxunfold.train", *TABLE, "--data", table_file, "--workdir", str(tmp_path)]
    started = [
        subprocess.Popen(
            [*command, "--coordinator", address, "--processes", "2", "--process-id", str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        )
        for number in range(2)
    ]
    (first, told), (second, _) = (process.communicate(timeout=240) for process in started)
    assert [process.returncode for process in started] == [0, 0], told
    assert ", 2 processes" in told
    # one of them writes and talks
    assert "classifier AUC" in first
    assert "classifier AUC" not in second
    assert (tmp_path / "report" / "index.html").is_file()
    together, alone = (
        [
            [line["train"]["loss"], line["valid"]["loss"]]
            for line in read_metrics(os.path.join(folder, "metrics.jsonl"))
        ]
        for folder in (tmp_path, table_run)
    )
    np.testing.assert_allclose(together, alone, rtol=1e-4)
