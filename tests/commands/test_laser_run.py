"""Refinement of a trained run, by the commands: what it takes over of that one, and what it says of none."""

import jax
import numpy as np
import pytest

import jaxunfold
from jaxunfold import train

pytestmark = pytest.mark.usefixtures("quick_compile")


def test_a_trained_run_through_the_commands(table_run, table_events, tmp_path, capsys):
    workdir = str(tmp_path / "laser")
    argv = ["--config", "configs/laser_cinn.py:smoke", f"--config.base_run={table_run}", "--workdir", workdir]
    argv += ["--config.training.batch_size=128", "--config.evaluation.draws=4"]
    assert train.main(argv) == 0
    run, base = jaxunfold.load(workdir), jaxunfold.load(table_run)
    assert run.config.data == base.config.data
    np.testing.assert_array_equal(run.fitted.feature_mean, base.fitted.feature_mean)
    found = run.unfold(jax.random.key(0), table_events.reco[:20], 7)
    assert found.samples.shape == (20, 7, 3)
    assert np.isfinite(run.log_prob(table_events.truth[:20], table_events.reco[:20])).all()
    capsys.readouterr()
    assert train.main([*argv[:2], f"--config.base_run={tmp_path}", "--workdir", str(tmp_path / "none")]) == 2
    assert "expected a run" in capsys.readouterr().err
