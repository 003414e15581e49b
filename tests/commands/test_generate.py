"""Runs without a condition: from a file of truth alone to generated events, and what such a run refuses."""

import dataclasses

import numpy as np
import pytest
from tiny_runs import TABLE

import jaxunfold
from jaxunfold import evaluate, generate, train, unfold
from jaxunfold.data.events import Events, nothing_measured, read, write
from jaxunfold.errors import InputError
from jaxunfold.physics.features import build_features
from jaxunfold.report import page

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module")
def truth_file(once, table_events):
    """Nothing is measured of these events."""

    def make(path):
        truth = table_events.truth
        write(path, Events(nothing_measured(truth), truth, weight=table_events.weight, truth_names=("a", "b", "c")))

    return once("truth.h5", make)


@pytest.fixture(scope="module")
def generator(once, truth_file):
    def make(workdir):
        argv = [*TABLE, "--config.preprocess.features.kind=none", "--config.data.test=0"]
        assert train.main([*argv, "--data", truth_file, "--workdir", workdir]) == 0

    return once("generator", make)


@pytest.fixture
def reported(monkeypatch):
    """What the report would be made of, in place of one: figures take most of an evaluation's time."""
    seen = []
    monkeypatch.setattr(
        "jaxunfold.report.page.write_report", lambda folder, data, metrics, **more: seen.append((data, metrics))
    )
    return seen


def test_more_events_go_on_where_fewer_ended(generator, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jaxunfold.run.DRAWS_PER_CALL", 64)
    few, many = str(tmp_path / "few.h5"), str(tmp_path / "many.h5")
    for path, count in ((few, 50), (many, 150)):
        assert generate.main(["--workdir", generator, "--events", str(count), "--out", path, "--seed", "3"]) == 0
    assert "events per second" in capsys.readouterr().out
    few, many = read(few, require_truth=True), read(many, require_truth=True)
    assert (len(few), len(many), many.truth_names, many.reco.shape) == (50, 150, ("a", "b", "c"), (150, 0))
    np.testing.assert_array_equal(few.truth, many.truth[:50])
    assert len(np.unique(many.truth[:, 0])) == 150
    assert many.attrs["seed"] == 3


def test_generated_events_are_data_like_any_other(generator, tmp_path, reported):
    """They are evaluated as one sample: no single events, no joint classifier, ranks of the truth among all draws."""
    path = str(tmp_path / "new.h5")
    assert generate.main(["--workdir", generator, "--events", "60", "--out", path]) == 0
    argv = ["--workdir", generator, "--data", path, "--out", str(tmp_path / "report"), "--draws", "2"]
    assert evaluate.main(argv) == 0
    data, metrics = reported[0]
    assert metrics["classifier_auc"] is None
    assert metrics["classifier_auc_marginal"] > 0
    assert "outside_support" not in metrics
    assert metrics["observables"]["a"]["calibration_max_deviation"] < 0.5
    plots = {plot.name: plot for plot, _ in page.plan(data, None, 0)}
    assert {"headline", "calibration", "spectra_0"} <= set(plots)
    assert not {"posteriors", "residuals", "migration"} & set(plots)
    assert "Nothing is measured" in plots["calibration"].caption


def test_reco_of_a_file_is_ignored(generator, table_events):
    run = jaxunfold.load(generator)
    flags = {"pass_reco": np.arange(600) % 2 == 0}
    found = run.events(dataclasses.replace(table_events, **flags))
    assert (found.reco.shape, found.pass_reco) == ((600, 0), None)
    assert run.log_prob(found.truth[:9], found[:9]).shape == (9,)


def test_neither_does_what_the_other_is_for(generator, other_table_run, table_file, tmp_path, capsys):
    out = ["--out", str(tmp_path / "x.h5")]
    assert unfold.main(["--workdir", generator, "--data", table_file, *out]) == 2
    assert "jaxunfold.generate" in capsys.readouterr().err
    assert generate.main(["--workdir", other_table_run, "--events", "10", *out]) == 2
    assert "expected a run without a condition" in capsys.readouterr().err
    assert not (tmp_path / "x.h5").exists()


def test_features_of_what_is_not_there_are_refused():
    with pytest.raises(InputError, match="expected 'none' for events of which nothing is measured"):
        build_features("four_momenta", ())
