"""Events with two to four jets from training to the report, and a training on one multiplicity alone."""

import dataclasses
import json

import numpy as np
import pytest

from jaxunfold import evaluate, train
from jaxunfold.config import load
from jaxunfold.data.events import read, write
from jaxunfold.data.location import fingerprint
from jaxunfold.metrics.two_sample import Auc
from jaxunfold.problem import plain
from jaxunfold.run import Run

TINY = (
    "--config.model.flow.blocks=1", "--config.model.flow.hidden=8",
    "--config.model.condition.units=8", "--config.model.condition.output=4", "--config.training.batch_size=128",
    "--config.data.valid=60", "--config.data.test=200", "--config.data.augment=()", "--config.evaluation.draws=4",
)  # fmt: skip


@pytest.fixture(scope="module")
def jets_file(zw_events, tmp_path_factory):
    """The Z W sample with up to two more jets, of which five and more share four slots."""
    rng = np.random.default_rng(3)
    n = len(zw_events)
    n_jets = rng.choice([2, 3, 4, 5], n, p=[0.5, 0.3, 0.15, 0.05])
    three = rng.normal(size=(n, 2, 3)) * 30
    more = np.concatenate([np.linalg.norm(three, axis=-1, keepdims=True), three], -1)
    mask = np.arange(6) < 2 + np.minimum(n_jets, 4)[:, None]
    reco = np.where(mask[..., None], np.concatenate([zw_events.reco, more], axis=1), 0.0).astype(np.float32)
    extra = np.stack([n_jets, *rng.normal(size=(2, n))], axis=1).astype(np.float32)
    events = dataclasses.replace(
        zw_events, reco=reco, mask=mask, reco_names=("e-", "e+", "j1", "j2", "j3", "j4"),
        extra=extra, extra_names=("n_jets", "met_px", "met_py"),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("jets") / "jets.h5"
    write(path, events)
    return str(path)


def test_classes_are_evaluated_and_shown(jets_file, tmp_path, monkeypatch, quick_compile):
    """From the file to metrics.json; the report is given the classes, whose figures have tests of their own."""
    shown = {}
    monkeypatch.setattr("jaxunfold.report.page.write_report", lambda *args, **kwargs: shown.update(kwargs))
    # the classifier takes most of an evaluation's time, and is not what is looked at here
    monkeypatch.setattr("jaxunfold.metrics.summary.classifier_auc", lambda *args, **kwargs: Auc(0.5, 0.1))
    config = ["--config", "configs/cinn_jets.py:smoke"]
    assert train.main([*config, *TINY, "--data", jets_file, "--workdir", str(tmp_path / "run")]) == 0
    metrics = json.loads((tmp_path / "run" / "report" / "metrics.json").read_text())
    groups = metrics["groups"]
    assert list(groups) == list(shown["members"]) == ["n_jets=2", "n_jets=3", "n_jets>=4"]
    assert sum(found["n_events"] for found in groups.values()) == metrics["n_events"] == 200
    assert groups["n_jets=3"]["masses"]["m_jj"]["truth_peak"] > 70
    assert metrics["momentum_balance"] < 1e-6


def test_a_network_for_one_multiplicity_sees_and_is_tested_on_that_alone(jets_file):
    """The test events of every selection are those of the whole file, so that networks compare event by event."""
    n_jets = read(jets_file).extra[:, 0]
    configs = {arg: load(f"configs/cinn_jets.py:{arg}smoke") for arg in ("", "3,", "4,")}
    parts = {}
    for arg, config in configs.items():
        config.data.update({"valid": 60, "test": 200})
        parts[arg] = train.read_parts(jets_file, plain(config.data))
    whole = parts[""][0]
    for arg, passes in (("3,", n_jets == 3), ("4,", n_jets >= 4)):
        split, _, *events = parts[arg]
        for rows, every, some in zip(split, whole, events):
            assert set(rows) == set(every[passes[every]])
            np.testing.assert_array_equal(some.extra[:, 0], n_jets[rows])
    run = object.__new__(Run)  # of which only these two are looked at
    for name, value in (("config", configs["3,"]), ("about", {"data": fingerprint(jets_file)})):
        object.__setattr__(run, name, value)
    found = evaluate.held_out([run], jets_file, read(jets_file))
    assert len(found) == len(parts["3,"][0].test)
    np.testing.assert_array_equal(found.extra[:, 0], 3.0)
