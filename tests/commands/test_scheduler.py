"""On a dask scheduler's workers: the file of one process, byte for byte, also where a worker is killed half-way."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jaxunfold import cluster, simulate, unfold
from jaxunfold.data import parts
from jaxunfold.errors import InputError

pytest.importorskip("distributed", reason="dask is not installed: pip install 'jaxunfold[dask]'")
CONFIG = str(Path(__file__).parents[2] / "configs" / "data" / "zw_2jet.py")


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """dask(*words): start it as a process of its own, with the scheduler of the file that it is given."""
    file, started = tmp_path_factory.mktemp("dask") / "scheduler.json", []
    # the draws of the same program: this module's tests compile quickly
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}

    def start(*words):
        command = [sys.executable, "-m", "dask", *words, "--scheduler-file", str(file), "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started.append(subprocess.Popen(command, env=environment, **quiet))
        return started[-1]

    start.scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
    deadline = time.monotonic() + 240
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    start.address = json.loads(file.read_text())["address"]
    start.worker = lambda: start("worker", "--nthreads", "1", "--no-nanny", "--memory-limit", "0")
    start.first = start.worker()
    yield start
    for process in started[::-1]:
        process.kill()
        process.wait()


def wait_for_workers(address, number):
    with cluster.connect(address) as pool:
        deadline = time.monotonic() + 240
        while pool.width() < number and time.monotonic() < deadline:
            time.sleep(0.05)
        assert pool.width() == number


@pytest.fixture
def killed(monkeypatch):
    """killed(process, after): it is killed as soon as so many parts are saved."""
    save, saved = parts.save, []

    def prepare(process, after):
        def counting(folder, index, arrays):
            save(folder, index, arrays)
            saved.append(index)
            if len(saved) == after:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()

        monkeypatch.setattr(parts, "save", counting)
        return saved

    return prepare


def test_unfold(dask, killed, table_run, table_file, tmp_path, monkeypatch, capsys):
    """600 events in six parts; the first of two workers is killed after two of them."""
    monkeypatch.setattr("jaxunfold.run.DRAWS_PER_CALL", 600)
    monkeypatch.setattr("jaxunfold.streaming.PART_DRAWS", 600)
    argv = ["--workdir", table_run, "--data", table_file, "--draws", "6"]
    assert unfold.main([*argv, "--out", str(tmp_path / "a.h5")]) == 0
    second = dask.worker()
    wait_for_workers(dask.address, 2)
    saved = killed(dask.first, 2)
    capsys.readouterr()
    assert unfold.main([*argv, "--out", str(tmp_path / "b.h5"), "--scheduler", dask.address]) == 0
    shown = capsys.readouterr()
    assert dask.first.returncode == -signal.SIGKILL
    assert second.poll() is None
    assert sorted(saved) == list(range(6))
    assert (tmp_path / "b.h5").read_bytes() == (tmp_path / "a.h5").read_bytes()
    assert "unfolding: 600/600 events" in shown.err
    assert "(600, 6, 3), table" in shown.out


def test_simulate(dask, killed, tmp_path, capsys):
    """Chunks of some 40 events; the first of two workers is killed after one of them."""
    pytest.importorskip("pythia8mc")
    pytest.importorskip("fastjet")
    argv = ["--config", CONFIG, "--events", "120", "--seed", "7", "--config.chunk=300", "--config.batch=300"]
    assert simulate.main([*argv, "--out", str(tmp_path / "a.h5")]) == 0
    doomed = dask.worker()
    wait_for_workers(dask.address, 2)
    saved = killed(doomed, 1)
    assert simulate.main([*argv, "--out", str(tmp_path / "b.h5"), "--scheduler", dask.address]) == 0
    assert doomed.returncode == -signal.SIGKILL
    assert len(saved) >= 3
    assert (tmp_path / "b.h5").read_bytes() == (tmp_path / "a.h5").read_bytes()
    assert "120/120 events" in capsys.readouterr().err


def test_what_goes_wrong_is_one_line(table_run, table_file, tmp_path, port, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    argv = ["--workdir", table_run, "--data", table_file, "--out", str(tmp_path / "a.h5"), "--scheduler"]
    for address in (f"tcp://127.0.0.1:{port}", "nonsense://"):
        assert unfold.main([*argv, address]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"expected a dask scheduler at {address}" in line
    with contextlib.suppress(KeyError):
        monkeypatch.setitem(sys.modules, "distributed", None)
    assert unfold.main([*argv, f"tcp://127.0.0.1:{port}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'jaxunfold[dask]'" in line
    assert list(tmp_path.iterdir()) == []


def test_a_scheduler_that_is_gone_is_one_line(dask):
    """The last test of this module: it ends the scheduler."""
    dask.worker()
    with cluster.connect(dask.address) as pool:
        while not pool.width():
            time.sleep(0.05)
    timer = threading.Timer(0.5, dask.scheduler.kill)
    timer.start()
    with pytest.raises(InputError, match="is gone"), cluster.connect(dask.address) as pool:
        list(cluster.unordered(pool, time.sleep, [(30,)]))
    timer.join()
