"""The whole chain: the same file from any number of workers and after a kill, fractions as published,
clear errors."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from jaxunfold import config, simulate
from jaxunfold.data import events as event_files
from jaxunfold.errors import InputError
from jaxunfold.simulation import generator, process

CONFIGS = Path(__file__).parents[2] / "configs" / "data"


def load(name, *overrides):
    return process.from_config(config.load(CONFIGS / name, overrides).to_dict())


SMALL = (("chunk", "600"), ("batch", "300"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """150 events in chunks of some 80."""
    out = tmp_path_factory.mktemp("chain") / "a.h5"
    chunks = simulate.simulate(load("zw_2jet.py", *SMALL), 150, 7, out)
    return out, chunks


def test_file_is_valid_and_says_where_it_comes_from(sample, capfd):
    out, _ = sample
    events = event_files.read(out, require_truth=True)
    assert len(events) == 150
    assert events.truth_names == ("e-", "e+", "q1", "q2")
    assert events.reco_names == ("e-", "e+", "j1", "j2")
    assert events.mask.all()
    assert events.attrs["seed"] == 7
    assert events.attrs["process"] == "zw_2jet"
    assert json.loads(events.attrs["config"])["chunk"] == 600
    assert not out.with_name("a.h5.parts").exists()


def test_truth_is_massless_balanced_and_inside_the_mass_windows(sample):
    p = event_files.read(sample[0]).truth.astype(float)
    np.testing.assert_allclose(p[..., 0], np.linalg.norm(p[..., 1:], axis=-1), rtol=1e-6)
    assert np.abs(p.sum(1)[:, 1:3]).max() < 1e-3
    for i, low, high in ((0, 53.8, 128.6), (2, 49.1, 111.7)):
        pair = p[:, i] + p[:, i + 1]
        mass = np.sqrt(np.maximum(pair[:, 0] ** 2 - (pair[:, 1:] ** 2).sum(-1), 0))
        assert (mass > low - 1e-2).all()
        assert (mass < high + 1e-2).all()


def test_reco_passes_the_selection(sample):
    p = event_files.read(sample[0]).reco
    pt = np.hypot(p[..., 1], p[..., 2])
    eta = np.arcsinh(p[..., 3] / pt)
    assert (pt[:, 2] >= pt[:, 3]).all()
    assert pt[:, 2:].min() > 25
    assert pt[:, :2].min() > 10
    assert np.abs(eta).max() < 2.55


def test_workers_do_not_change_the_file(sample, tmp_path):
    simulate.simulate(load("zw_2jet.py", *SMALL), 150, 7, tmp_path / "b.h5", workers=2)
    assert (tmp_path / "b.h5").read_bytes() == sample[0].read_bytes()


def test_killed_and_resumed_gives_the_same_file(sample, tmp_path):
    out = tmp_path / "c.h5"
    command = [
        sys.executable,
        "-m",
        "jaxunfold.simulate",
        "--config",
        str(CONFIGS / "zw_2jet.py"),
        "--events",
        "150",
    ]
    command += ["--seed", "7", "--out", str(out), "--config.chunk=600", "--config.batch=300"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = tmp_path / "c.h5.parts"
    deadline = time.monotonic() + 120
    while not list(parts.glob("*.npz")) and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert list(parts.glob("*.npz"))
    with pytest.raises(InputError, match="drop --resume"):
        simulate.simulate(load("zw_2jet.py", *SMALL), 150, 8, out, resume=True)
    simulate.simulate(load("zw_2jet.py", *SMALL), 150, 7, out, resume=True)
    assert out.read_bytes() == sample[0].read_bytes()


def test_a_shorter_sample_is_the_start_of_a_longer_one(sample, tmp_path):
    simulate.simulate(load("zw_2jet.py", *SMALL), 40, 7, tmp_path / "d.h5")
    long, short = event_files.read(sample[0]), event_files.read(tmp_path / "d.h5")
    np.testing.assert_array_equal(short.reco, long.reco[:40])
    np.testing.assert_array_equal(short.truth, long.truth[:40])


def test_radiation_gives_more_jets_padded_and_counted(tmp_path):
    simulate.simulate(load("zw_jets.py", *SMALL), 100, 3, tmp_path / "j.h5")
    events = event_files.read(tmp_path / "j.h5")
    assert events.extra_names == ("n_jets", "met_px", "met_py")
    count = events.extra[:, 0].astype(int)
    assert count.min() == 2
    assert count.max() > 3
    np.testing.assert_array_equal(events.mask.sum(1), 2 + np.minimum(count, 4))
    assert (events.reco[~events.mask] == 0).all()
    pt = np.hypot(events.truth[..., 1], events.truth[..., 2])
    assert (pt[:, 2] >= pt[:, 3]).all()


def test_wprime_peaks_at_its_mass(tmp_path):
    small = (("chunk", "2000"), ("batch", "500"))
    simulate.simulate(load("wprime.py", *small), 10, 1, tmp_path / "w.h5")
    total = event_files.read(tmp_path / "w.h5").truth.astype(float).sum(1)
    mass = np.sqrt(total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(-1))
    assert abs(np.median(mass) - 1300) < 30


def test_embedded_sample_is_what_the_code_gives(sample, tmp_path):
    """The first batch of the embedded file, generated anew."""
    embedded = Path(event_files.__file__).parent / "samples" / "zw_2jet.h5"
    if not embedded.exists():
        pytest.skip("no embedded sample in this checkout")
    simulate.simulate(load("zw_2jet.py"), 100, 1, tmp_path / "e.h5")
    new, old = event_files.read(tmp_path / "e.h5"), event_files.read(embedded, limit=100)
    np.testing.assert_allclose(new.truth, old.truth, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(new.reco, old.reco, rtol=1e-5, atol=1e-4)


def test_unknown_setting_of_pythia_and_keys_of_the_config(tmp_path):
    what = load("zw_2jet.py")._replace(pythia=("Nonsense:on = 1",))
    with pytest.raises(InputError, match="Nonsense"):
        simulate.simulate(what, 10, 1, tmp_path / "x.h5")
    values = config.load(CONFIGS / "zw_2jet.py").to_dict()
    with pytest.raises(InputError, match="jetalgo"):
        process.from_config({**values, "jetalgo": 1})
    with pytest.raises(InputError, match="--events"):
        simulate.simulate(load("zw_2jet.py"), 0, 1, tmp_path / "x.h5")


def test_missing_packages_are_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(InputError, match=r"pip install 'jaxunfold\[sim\]'"):
        generator.require()


def test_banner_stays_out_of_stdout(tmp_path):
    command = [
        sys.executable,
        "-m",
        "jaxunfold.simulate",
        "--config",
        str(CONFIGS / "zw_2jet.py"),
        "--events",
        "5",
    ]
    command += ["--out", str(tmp_path / "s.h5"), "--config.chunk=300", "--config.batch=100"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "FastJet" not in done.stdout + done.stderr
    assert "PYTHIA" not in done.stdout
