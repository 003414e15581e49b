"""Trained runs as the commands leave them, tiny: made once for all workers, not to be changed by a test."""

import fcntl
import os
from pathlib import Path

import jax
import pytest
from tiny_runs import MOMENTA, TABLE

from jaxunfold import train
from jaxunfold.data.events import write


@pytest.fixture(scope="module", autouse=True)
def compiled_quickly(quick_compile):
    """Most of what commands do in tests is to compile."""


@pytest.fixture
def optimised(compiled_quickly):
    """For a test that computes more than it compiles."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """once(name, make): the path NAME in a folder of all workers, after ``make(path)`` by one of them."""
    root = tmp_path_factory.getbasetemp()
    root = Path(root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "commands"
    root.mkdir(exist_ok=True)

    def get(name, make):
        with open(root / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (root / f"{name}.made").exists():
                # a fixture of the session comes before one of the module: compile as the tests will
                before = jax.config.read("jax_disable_most_optimizations")
                jax.config.update("jax_disable_most_optimizations", True)
                try:
                    make(str(root / name))
                finally:
                    jax.config.update("jax_disable_most_optimizations", before)
                (root / f"{name}.made").touch()
        return str(root / name)

    return get


def trained(*argv):
    def make(workdir):
        assert train.main([*argv, "--workdir", workdir]) == 0

    return make


@pytest.fixture(scope="session")
def table_file(once, table_events):
    return once("table.h5", lambda path: write(path, table_events))


@pytest.fixture(scope="session")
def other_table_file(once, table_events):
    return once("other.h5", lambda path: write(path, table_events[:400]))


@pytest.fixture(scope="session")
def momenta_file(once, zw_events):
    return once("zw.h5", lambda path: write(path, zw_events))


@pytest.fixture(scope="session")
def table_run(once, table_file):
    """Trained on ``table_file``, with a report."""
    return once("table", trained(*TABLE, "--data", table_file))


@pytest.fixture(scope="session")
def other_table_run(once, other_table_file):
    """Trained on ``other_table_file``, without test events and so without a report."""
    return once("other", trained(*TABLE, "--data", other_table_file, "--config.data.test=0"))


@pytest.fixture(scope="session")
def momenta_run(once, momenta_file):
    """Trained on ``momenta_file``, without test events and so without a report."""
    return once("zw", trained(*MOMENTA, "--data", momenta_file))
