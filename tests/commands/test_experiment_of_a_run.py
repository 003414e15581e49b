"""GANs and the papers' experiments through the commands: configs build, a run is trained once, experiments follow."""

import json

import pytest

from jaxunfold import evaluate, train
from jaxunfold.config import load
from jaxunfold.experiments import wprime

SMALL = [
    "--config.data.valid=50", "--config.data.test=150", "--config.training.batch_size=64",
    "--config.training.epochs=1", "--config.evaluation.draws=3",
]  # fmt: skip


pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture
def experiments_alone(monkeypatch):
    """No metrics and no figures, which are looked at elsewhere."""
    for command in (train, evaluate):
        monkeypatch.setattr(command, "evaluate", lambda *args: {})
        monkeypatch.setattr(command, "headline", lambda metrics: {})
    monkeypatch.setattr(wprime, "draw", lambda *args: ("", ""))


@pytest.mark.parametrize("name", ["fcgan.py", "gan.py"])
@pytest.mark.parametrize("words", ["", "momenta", "momenta,cooling", "conditional,smoke"])
def test_words_of_the_configs(name, words):
    config = load(f"configs/{name}:{words}" if words else f"configs/{name}")
    kind = {"momenta,cooling": "cooling", "conditional,smoke": "conditional"}.get(words, "fixed")
    assert config.model.mmd.kind == kind
    assert (config.preprocess.coordinates.kind == "momenta") == words.startswith("momenta")
    assert bool(config.preprocess.relative) == (name == "fcgan.py" and not words.startswith("momenta"))
    assert load("configs/fcgan_paper.py:naive").model.generator.layers == 12


def test_experiment_of_a_run(momenta_file, tmp_path, experiments_alone, capsys):
    """Trained with one experiment, which is no part of the run; evaluate does one too; unknown ones are refused."""
    argv = [
        "--config",
        "configs/fcgan.py:momenta,smoke",
        "--data",
        str(momenta_file),
        "--workdir",
        str(tmp_path / "run"),
    ]
    assert train.main([*argv, *SMALL, "--config.experiment=wprime"]) == 0
    numbers = json.loads((tmp_path / "run/wprime/wprime.json").read_text())
    assert (numbers["events"], numbers["injected"]) == (166, 17)
    assert "experiment" not in json.loads((tmp_path / "run/config.json").read_text())
    capsys.readouterr()
    assert train.main([*argv, *SMALL, "--config.experiment=zprime"]) == 2
    assert "experiment: expected one of cuts, wprime, ramp, found 'zprime'" in capsys.readouterr().err
    argv = ["--workdir", str(tmp_path / "run"), "--data", str(momenta_file), "--out", str(tmp_path / "out")]
    assert evaluate.main([*argv, "--draws", "3", "--experiment", "wprime"]) == 0
    assert (tmp_path / "out/wprime/index.html").exists()
