"""Fixtures shared by the tests of several folders: double precision, and small samples of paired events."""

import os
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

LABELS = ("e-", "e+", "q1", "q2")
RECO_LABELS = ("e-", "e+", "j1", "j2")
RESONANCES = {"ll": ("e-", "e+"), "jj": ("q1", "q2")}

# XLA's older code generator compiles a third faster; how fast programs run is not what the tests are about
QUICK = "--xla_cpu_use_fusion_emitters=false"


def pytest_configure(config):
    """Set QUICK for this process, its workers and commands, where this version of XLA knows it: it aborts if not."""
    if hasattr(config, "workerinput") or QUICK in os.environ.get("XLA_FLAGS", ""):
        return
    flags = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}".strip()
    probe = [sys.executable, "-c", "import jax; jax.devices()"]
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    if subprocess.run(probe, env=env, capture_output=True).returncode == 0:
        os.environ["XLA_FLAGS"] = flags


@pytest.fixture
def x64():
    """Double precision inside one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def quick_compile():
    """XLA without most of its optimisations, for tests whose time is compilation."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def run_together():
    """run_together(commands, **environment): what each of them says, (stdout, stderr), once all have succeeded."""

    def run(commands, **environment):
        started = [
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"JAX_PLATFORMS": "cpu"} | environment,
            )
            for command in commands
        ]
        out = [process.communicate(timeout=240) for process in started]
        assert [process.returncode for process in started] == [0] * len(commands), out
        return out

    return run


def make_zw_events(n, seed=0):
    """Z W pairs that balance in the transverse plane; as reco the same smeared, jets with masses."""
    from jaxunfold.data.events import Events

    rng = np.random.default_rng(seed)

    def boson(mass, pt, phi, y, sign):
        m = mass + 2.0 * rng.standard_cauchy(n).clip(-8, 8)
        px, py = sign * pt * np.cos(phi), sign * pt * np.sin(phi)
        pz = np.sqrt(m**2 + pt**2) * np.sinh(y)
        total = np.stack([px, py, pz], -1)
        energy = np.sqrt(m**2 + np.sum(total**2, -1))
        direction = rng.normal(size=(n, 3))
        direction *= (m / 2 / np.linalg.norm(direction, axis=-1))[:, None]
        along = np.sum(direction * total, -1)
        # one massless daughter boosted from the rest frame, the other from momentum conservation
        first = direction + total * (along / (m * (energy + m)) + 0.5)[:, None]
        return first, total - first

    pt, phi = rng.gamma(3.0, 20.0, n) + 5, rng.uniform(-np.pi, np.pi, n)
    leptons = boson(91.2, pt, phi, rng.normal(size=n), 1)
    quarks = boson(80.4, pt, phi, rng.normal(size=n), -1)
    three = np.stack([*leptons, *quarks], axis=1)
    truth = np.concatenate([np.linalg.norm(three, axis=-1, keepdims=True), three], -1)
    width = np.array([0.01, 0.01, 0.1, 0.1])[:, None]
    smeared = three * np.exp(width * rng.normal(size=(n, 4, 1))) + 0.3 * width * rng.normal(size=three.shape)
    mass = np.array([0.0, 0.0, 8.0, 8.0]) * rng.uniform(0.5, 1.5, (n, 4))
    energy = np.sqrt(np.sum(smeared**2, -1) + mass**2)
    reco = np.concatenate([energy[..., None], smeared], -1)
    return Events(
        reco=reco.astype(np.float32),
        truth=truth.astype(np.float32),
        mask=np.ones((n, 4), bool),
        truth_names=LABELS,
        reco_names=RECO_LABELS,
    )


@pytest.fixture(scope="session")
def zw_events():
    """600 Z W events."""
    return make_zw_events(600)


@pytest.fixture(scope="session")
def table_events():
    """600 rows of three truth columns, one of them exponential, and two measured ones."""
    from jaxunfold.data.events import Events

    rng = np.random.default_rng(1)
    truth = np.stack([rng.normal(50, 4, 600), rng.exponential(2.0, 600), rng.uniform(-1, 1, 600)], -1)
    reco = truth[:, :2] + rng.normal(0, 0.5, (600, 2))
    return Events(
        reco=reco.astype(np.float32),
        truth=truth.astype(np.float32),
        weight=rng.uniform(0.5, 1.5, 600).astype(np.float32),
        truth_names=("a", "b", "c"),
        reco_names=("ra", "rb"),
    )
