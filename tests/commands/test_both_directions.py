"""An eINN through the commands: both directions, and the figure that shows them."""

import jax
import numpy as np
import pytest
from tiny_runs import TINY

import jaxunfold
from jaxunfold import evaluate, train
from jaxunfold.data.events import write
from jaxunfold.errors import InputError
from jaxunfold.report import page, style

pytestmark = pytest.mark.usefixtures("quick_compile")

EINN = (
    "--config", "configs/einn.py", "--config.data.valid=0", "--config.data.test=0",
    *(argument for argument in TINY if "condition" not in argument),
)  # fmt: skip


def test_an_einn_goes_both_ways(momenta_file, momenta_run, zw_events, tmp_path, monkeypatch):
    workdir = str(tmp_path / "einn")
    assert train.main([*EINN, "--data", momenta_file, "--workdir", workdir]) == 0
    run = jaxunfold.load(workdir)
    smeared = run.smear(jax.random.key(0), zw_events.truth[:7], 5)
    assert smeared.shape == (7, 5, 4, 4)
    assert np.isfinite(smeared).all()
    # after two epochs the network is nearly its start, which still is of the size of an event
    assert 1 < np.median(smeared[..., 0]) < 1000
    with pytest.raises(InputError, match="lead from reco to truth only"):
        jaxunfold.load(momenta_run).smear(jax.random.key(0), zw_events.truth[:7])
    with pytest.raises(InputError, match="no explicit density"):
        run.log_prob(zw_events.truth[:7], zw_events)
    seen = []
    monkeypatch.setattr("jaxunfold.report.page.write_report", lambda folder, data, *args, **kwargs: seen.append(data))
    write(tmp_path / "new.h5", zw_events[:100])
    argv = ["--workdir", workdir, "--data", str(tmp_path / "new.h5"), "--draws", "4", "--out", str(tmp_path / "out")]
    assert evaluate.main(argv) == 0
    (data,) = seen
    assert data.smeared["m_jj"].shape == (100, 4)
    made = {plot.name: make for plot, make in page.plan(page.subsample(data), None, 0)}
    with style.context():
        figure = made["directions"]()
    assert [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()] == [
        "$p_{T,q_{1}}$ [GeV]", "$p_{T,q_{2}}$ [GeV]", "$m_{jj}$ [GeV]"
    ]  # fmt: skip


def test_sizes_that_do_not_match_are_refused_before_training(momenta_file, tmp_path, capsys):
    argv = ["--config", "configs/inn.py", "--data", momenta_file, "--config.data.test=0", "--config.data.valid=0"]
    assert train.main([*argv, "--config.model.truth_noise=3", "--workdir", str(tmp_path / "inn")]) == 2
    err = capsys.readouterr().err
    assert "truth_noise: expected 4" in err
    assert err.count("\n") == 1
