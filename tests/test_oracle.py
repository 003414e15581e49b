"""The oracle: truth against truth, in closed form, and that it wants truth."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxunfold import config as configs
from jaxunfold import oracle, train
from jaxunfold.data.events import write
from jaxunfold.errors import InputError


def test_log_weights_of_a_shifted_gaussian():
    """N(0, 1) to N(0.5, 1): log w = 0.5 x - 0.125. 6,000 events each: the weighted mean is known to 0.02."""
    rng = np.random.default_rng(0)
    sim, data = rng.normal(size=(6000, 2)), rng.normal((0.5, 0.0), 1.0, (6000, 2))
    options = {"hidden": (16,), "epochs": 6, "learning_rate": 1e-2}
    found = oracle.log_weights(jax.random.key(0), sim, data, **options)
    inner = np.abs(sim).max(axis=1) < 1.5
    assert np.mean(np.abs(found - (0.5 * sim[:, 0] - 0.125))[inner]) < 0.08
    np.testing.assert_allclose(np.average(sim, axis=0, weights=np.exp(found)), [0.5, 0.0], atol=0.06)


def test_refusals(table_events, tmp_path):
    write(tmp_path / "data.h5", table_events)
    config = configs.load("configs/omnifold.py:table-smoke", [("data.path", str(tmp_path / "data.h5"))])
    run = train.prepare(config, str(tmp_path / "data.h5"))[0]
    with pytest.raises(InputError, match="the oracle expected truth, found none"):
        oracle.oracle(run, dataclasses.replace(table_events, truth=None))
    assert len(oracle.training_events(run)) == run.about["train_events"]
    found = oracle.oracle(run, table_events[:100], hidden=(4,), epochs=1)
    assert found.draw_weight.shape == (1, run.about["train_events"])
    assert not found.paired
    np.testing.assert_allclose(found.draw_weight.sum(), table_events.weight[:100].sum(), rtol=1e-5)
    write(tmp_path / "data.h5", table_events[:300])
    with pytest.raises(InputError, match="expected the file that the run was trained on"):
        oracle.training_events(run)
