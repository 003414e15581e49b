"""The models that ship with the package unfold as they are, are calibrated, and reach a wheel."""

import tomllib
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest

import jaxunfold
from jaxunfold import compare, evaluate, train, unfold
from jaxunfold.data.events import read, sample_path, write
from jaxunfold.data.location import MODELS, fingerprint, model_names, run_folder
from jaxunfold.errors import InputError
from jaxunfold.evaluate import unseen_rows
from jaxunfold.metrics.calibration import max_deviation, randomised_ranks
from jaxunfold.metrics.compared import momenta_observables

# its time is compilation
pytestmark = pytest.mark.usefixtures("quick_compile")
PACKAGE = Path(jaxunfold.__file__).parent


@pytest.fixture(scope="module")
def held_out():
    """400 events that none of the models was trained on."""
    run = jaxunfold.load("model:zw_2jet")
    events = read(sample_path("zw_2jet"), require_truth=True)
    return events[unseen_rows(run, sample_path("zw_2jet"), len(events))[:400]]


def test_all_of_their_files_are_package_data():
    patterns = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    packed = {path for pattern in patterns["jaxunfold"] for path in PACKAGE.glob(pattern)}
    there = [path for path in MODELS.rglob("*") if path.is_file()]
    assert set(there) <= packed
    assert sum(path.stat().st_size for path in there) < 6e6


def test_unfolds_from_the_command_line_and_is_calibrated(tmp_path, held_out):
    # an exact posterior exceeds 0.11 in one of the seven in fewer than 1 of 1,000 samples of 400 events
    write(tmp_path / "data.h5", held_out)
    argv = ["--workdir", "model:zw_2jet", "--data", str(tmp_path / "data.h5"), "--draws", "50"]
    assert unfold.main([*argv, "--out", str(tmp_path / "draws.h5")]) == 0
    with h5py.File(tmp_path / "draws.h5") as file:
        draws, inside = file["samples/momenta"][()], file["in_support"][()]
    resonances = {"ll": ("e-", "e+"), "jj": ("q1", "q2")}
    draws, truth = (momenta_observables(p, held_out.truth_names, resonances) for p in (draws, held_out.truth))
    for name in ("pt_e-", "pt_q1", "pt_q2", "eta_q1", "eta_q2", "m_ll", "m_jj"):
        ranks = randomised_ranks(np.random.default_rng(0), truth[name], draws[name])
        assert max_deviation(ranks)[0] < 0.11, name
    assert np.mean(inside) > 0.98


@pytest.mark.parametrize("name", model_names())
def test_each_loads_and_knows_what_it_was_trained_on(name):
    # that they unfold is what the notebook on five methods does
    run = jaxunfold.load(f"model:{name}")
    assert run.about["data"] == fingerprint(sample_path("zw_2jet"))
    assert run.support is not None
    assert np.isfinite(sum(float(np.abs(leaf).sum()) for leaf in jax.tree.leaves(run.state.ema)))


def test_names_in_commands(tmp_path, capsys):
    message = r"model:zw_2jets: expected .* one of zw_2jet.* did you mean model:zw_2jet\?"
    with pytest.raises(InputError, match=message):
        run_folder("model:zw_2jets")
    argv = ["--workdir", "model:zw", "--data", "sample:zw_2jet", "--out", str(tmp_path / "report")]
    assert evaluate.main(argv) == 2
    assert "error: model:zw: expected the name of a shipped model, one of zw_2jet" in capsys.readouterr().err
    assert train.main(["--config", "configs/cinn.py:smoke", "--workdir", "model:zw_2jet"]) == 2
    assert "expected a folder to train in, found model:zw_2jet" in capsys.readouterr().err
    assert list(compare.labels_of("model:zw_2jet,runs/cinn")) == ["model:zw_2jet", "cinn"]
