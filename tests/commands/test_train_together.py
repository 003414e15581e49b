"""``train`` in two processes that share a workdir: the run of one process."""

import os
import sys

import numpy as np
from tiny_runs import TABLE

from jaxunfold.training.callbacks import read_metrics


def test_two_processes_leave_the_run_of_one(table_run, table_file, tmp_path, port, run_together):
    command = [sys.executable, "-m", "jaxunfold.train", *TABLE, "--data", table_file, "--workdir", str(tmp_path)]
    command += ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--process-id"]
    (first, told), (second, _) = run_together([[*command, "0"], [*command, "1"]], JAX_DISABLE_MOST_OPTIMIZATIONS="1")
    assert ", 2 processes" in told
    # one of them writes and talks
    assert "classifier AUC" in first
    assert "classifier AUC" not in second
    assert (tmp_path / "report" / "index.html").is_file()

    def curve(folder):
        lines = read_metrics(os.path.join(folder, "metrics.jsonl"))
        return [[line["train"]["loss"], line["valid"]["loss"]] for line in lines]

    np.testing.assert_allclose(curve(tmp_path), curve(table_run), rtol=1e-4)
