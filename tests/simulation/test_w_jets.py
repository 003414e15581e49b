"""W + 1 parton and the shower's jets: kinematics of a small sample, and the command."""

import numpy as np
import pytest

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from jaxunfold import config, simulate
from jaxunfold.data import events as event_files
from jaxunfold.errors import InputError
from jaxunfold.simulation import w_jets

CONFIG = "configs/data/w_3jets.py"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    out = tmp_path_factory.mktemp("w") / "w.h5"
    argv = ["--config", CONFIG, "--config.batch=300", "--events", "15", "--seed", "1", "--out", str(out)]
    assert simulate.main(argv) == 0
    return event_files.read(out, require_truth=True)


def test_three_jets_above_the_cut_by_falling_pt(sample):
    assert sample.reco_names == ("W+", "j1", "j2", "j3")
    pt = np.hypot(sample.reco[..., 1], sample.reco[..., 2])[:, 1:]
    assert pt.shape == (15, 3)
    assert pt.min() > 25
    assert (np.diff(pt, axis=1) <= 0).all()
    eta = np.arcsinh(sample.reco[:, 1:, 3] / pt)
    assert np.abs(eta).max() < 4.5


def test_hard_process_balances_and_has_a_w(sample):
    truth = sample.truth.astype(float)
    assert sample.truth_names == ("W+", "q1")
    assert np.abs(truth.sum(1)[:, 1:3]).max() < 1e-2
    mass = np.sqrt(truth[:, 0, 0] ** 2 - (truth[:, 0, 1:] ** 2).sum(-1))
    assert abs(np.median(mass) - 80.4) < 3
    assert np.hypot(truth[:, 1, 1], truth[:, 1, 2]).min() > 20


def test_the_same_seed_gives_the_same_events(sample):
    values = config.load(CONFIG, [("batch", "300")]).to_dict()
    values.pop("chain")
    again = w_jets.simulate(w_jets.from_config(values), 1, 15)
    np.testing.assert_array_equal(again.reco, sample.reco)


def test_jets_may_be_truth(sample):
    values = config.load(f"{CONFIG}:jets", [("batch", "300")]).to_dict()
    values.pop("chain")
    jets = w_jets.simulate(w_jets.from_config(values), 1, 15)
    assert jets.truth_names == ("W+", "j1", "j2", "j3")
    assert jets.reco.shape == (15, 0, 4)
    np.testing.assert_array_equal(jets.truth, sample.reco)


def test_wrong_configs_are_one_line():
    values = config.load(CONFIG).to_dict()
    with pytest.raises(InputError, match="wrong: chain"):
        w_jets.from_config(values)
    values.pop("chain")
    with pytest.raises(InputError, match="num_jets and batch of 1 or more"):
        w_jets.from_config({**values, "num_jets": 0})
    with pytest.raises(InputError, match=r"config.level: expected one of hard, jets"):
        w_jets.from_config({**values, "level": "parton"})
    decays = w_jets.from_config({**values, "batch": 20, "pythia": tuple(values["pythia"])[:3]})
    with pytest.raises(InputError, match="stable W"):
        w_jets.simulate(decays, 1, 1)
