"""Showers with their variations: weights of mean one, a higher scale with less radiation, the config's refusals."""

import numpy as np
import pytest

pytest.importorskip("pythia8mc")

from jaxunfold import config, simulate
from jaxunfold.data import events as event_files
from jaxunfold.errors import InputError
from jaxunfold.simulation import shower

CONFIG = "configs/data/shower.py"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    out = tmp_path_factory.mktemp("t") / "shower.h5"
    assert simulate.main(["--config", CONFIG, "--events", "1500", "--seed", "1", "--out", str(out)]) == 0
    found = event_files.read(out, require_truth=True)
    return dict(zip(found.truth_names, found.truth.astype(np.float64).T))


def test_weights_have_a_mean_of_one(table):
    """To four standard errors."""
    for factor in (0.5, 0.85, 1.4, 2.0):
        weight = table[shower.column_of(factor)]
        assert abs(weight.mean() - 1) < 4 * weight.std() / np.sqrt(len(weight))


def test_a_lower_scale_is_a_stronger_coupling(table):
    """alpha_s(k mu) falls with k: more partons for k = 0.5 than for 2, by more than their scatter."""
    partons = table["partons"]
    mean = {factor: np.average(partons, weights=table[shower.column_of(factor)]) for factor in (0.5, 1.2, 2.0)}
    assert mean[0.5] > partons.mean() + 0.5
    assert mean[0.5] > mean[1.2] > mean[2.0]


def test_shape_variables_are_in_range(table):
    assert (table["partons"] >= 2).all()
    assert table["log_one_minus_thrust"].max() < np.log10(0.5)
    assert table["log_y23"].max() < np.log10(1 / 3) + 1e-6
    assert (table["log_y23"] >= table["log_y34"]).all()
    for name in shower.OBSERVABLES[:-1]:
        assert table[name].min() >= np.log10(shower.FLOOR) - 1e-6


def test_wrong_configs_are_one_line():
    values = config.load(CONFIG).to_dict()
    values.pop("chain")
    for change, message in (({"factors": (0.5, 0.5)}, "different positive numbers"), ({"cuts": 1}, "wrong: cuts")):
        with pytest.raises(InputError, match=message):
            shower.from_config({**values, **change})
