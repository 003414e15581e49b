"""The search: its first trial is the config itself, it goes on after a kill, and it refuses what does not fit."""

import json
import sys
from pathlib import Path

import pytest
from ml_collections import ConfigDict
from tiny_runs import TABLE

from jaxunfold import config as configs
from jaxunfold import tune, tuning
from jaxunfold.errors import InputError
from jaxunfold.report import tuning as report
from jaxunfold.training.loop import NonFiniteError

pytestmark = pytest.mark.usefixtures("quick_compile")
MODEL = "--config.tune.ranges.model"
SMALL = (
    *TABLE, f"{MODEL}.flow.blocks=('int', 1, 2)", f"{MODEL}.flow.layers=('int', 1, 2)",
    f"{MODEL}.flow.hidden=('log', 8, 16)", f"{MODEL}.condition.units=('log', 8, 16)",
)  # fmt: skip


def read_best(folder):
    return json.loads((Path(folder) / "best.json").read_text())


@pytest.fixture(scope="module")
def study(once, table_file, quick_compile):
    """A search of two trials."""

    def make(workdir):
        with pytest.MonkeyPatch.context() as patch:
            # what other tests compiled is kept
            patch.setattr(tuning.jax, "clear_caches", lambda: None)
            assert tune.main([*SMALL, "--data", table_file, "--workdir", workdir, "--trials", "2"]) == 0

    return once("study", make)


def fails(capsys, argv, *words):
    capsys.readouterr()
    assert tune.main([str(x) for x in argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for word in words:
        assert str(word) in err


def test_what_a_search_leaves(study, table_file):
    best = read_best(study)
    assert (best["trials"], best["epochs"]) == (2, 2)
    assert best["loss"] <= best["own_loss"]
    assert best["own_parameters"]["model.flow.blocks"] == 1
    assert set(best["parameters"]) == set(best["own_parameters"])
    assert f"--data {table_file}" in best["train"]
    # the command trains with what was found, and without the ranges
    words = [word for word in best["train"].split() if word.startswith("--config.")]
    assert not any(word.startswith("--config.tune") for word in words)
    pairs = [tuple(word.removeprefix("--config.").split("=")) for word in words]
    assert len({key for key, _ in pairs}) == len(pairs)
    trained = configs.load("configs/table.py", pairs)
    for key, value in best["parameters"].items():
        assert configs.value_of(trained, key) == value
    assert (Path(study) / "tuning.png").stat().st_size > 10_000


def test_it_goes_on_as_if_it_had_not_been_killed(study, table_file, tmp_path, monkeypatch, capsys):
    """Killed in the third of four trials and started again, it has the trials of a search that ran through."""
    calls, kill_at, prepared, original = [], 0, [], tune.prepare

    def prepare(*args):
        prepared.extend(() if prepared else original(*args))
        return tuple(prepared)

    def measure(config, run, source, valid, report):
        calls.append(config)
        if len(calls) == kill_at:
            raise KeyboardInterrupt
        return config.optimizer.learning_rate * config.model.flow.hidden, 10

    monkeypatch.setattr(tuning, "measure", measure)
    monkeypatch.setattr(tuning.jax, "clear_caches", lambda: None)
    monkeypatch.setattr(report, "write_figure", lambda *args: None)
    monkeypatch.setattr(tune, "prepare", prepare)
    argv = [*SMALL, "--data", table_file, "--trials", "4", "--workdir"]
    whole, parts = str(tmp_path / "whole"), str(tmp_path / "parts")
    assert tune.main([*argv, whole]) == 0
    calls, kill_at = [], 3
    assert tune.main([*argv, parts]) == 130
    assert not (tmp_path / "parts" / "best.json").exists()
    assert tune.main([*argv, parts]) == 0
    # the two that were finished are not lost, the third is made again
    assert len(calls) == 5
    assert calls[2] == calls[3]
    through, on = read_best(whole), read_best(parts)
    for key in ("loss", "own_loss", "parameters", "trials", "pruned"):
        assert through[key] == on[key]
    # nothing is left to do, and so no event is read
    monkeypatch.setattr(tune, "prepare", None)
    assert tune.main([*argv, parts]) == 0
    assert "the config's own" in capsys.readouterr().out


def test_another_study_is_refused(study, table_file, other_table_file, other_table_run, capsys):
    argv = ["--workdir", study, "--trials", 3]
    before = (Path(study) / "best.json").read_bytes()
    fails(capsys, [*SMALL, *argv, "--data", other_table_file], study, "another data file")
    other = [*SMALL, *argv, "--data", table_file]
    fails(capsys, [*other, "--config.training.seed=1"], study, "another config", "training.seed")
    fails(capsys, [*other, "--config.tune.ranges.model.ema=('float', 0, 1)"], study, "tune.ranges.model.ema")
    fails(capsys, [*SMALL, "--data", table_file, "--workdir", other_table_run, "--trials", 3], "holds a trained run")
    assert (Path(study) / "best.json").read_bytes() == before


def test_a_study_that_cannot_be_read(table_file, tmp_path, capsys):
    (tmp_path / "study.db").write_text("no database, but long enough to be taken for one by its name alone")
    fails(capsys, [*SMALL, "--data", table_file, "--workdir", tmp_path, "--trials", 1], tmp_path / "study.db")


def test_two_at_once_are_refused(tmp_path):
    config = configs.load("configs/table.py")
    own = tuning.space_of(config).own
    second = tuning.open_study(tmp_path, config, own, "x")
    with tuning.open_study(tmp_path, config, own, "x"), pytest.raises(InputError, match="another process"):
        second.__enter__()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--trials", 0], ["--trials", "1 or more", "found 0"]),
        ([], ["--trials"]),
        (["--trials", 2, "--minutes", -1], ["--minutes"]),
        (["--trials", 2, "--config.tune.ranges.model.flow.block=3"], ["model.flow.block"]),
        (["--trials", 2, "--config.model.flow.blocks=40"], ["flow.blocks", "own value 40", "('int', 1, 2)"]),
        (["--trials", 2, "--config.tune.ranges.model.flow.blocks=('int', 2, 1)"], ["flow.blocks", "empty"]),
        (["--trials", 2, f"{MODEL}.ema=('choice', (0.99, 'x'))"], ["ranges.model.ema", "float", "'x'"]),
    ],
)
def test_bad_arguments(argv, words, capsys, table_file, tmp_path):
    fails(capsys, [*SMALL, "--data", table_file, "--workdir", tmp_path / "w", *argv], *words)


def test_ends_that_cannot_be_built_are_refused_before_training(capsys, table_file, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "measure", None)
    argv = [*SMALL, "--data", table_file, "--workdir", str(tmp_path), "--trials", "2"]
    argv.append("--config.tune.ranges.model.flow.layers=('int', -1, 2)")
    assert tune.main(argv) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: config.tune.ranges.model.flow.layers: -1 is refused")


def test_without_optuna(capsys, table_file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    argv = [*SMALL, "--data", table_file, "--workdir", tmp_path, "--trials", 2]
    fails(capsys, argv, "optuna", "jaxunfold[tune]")


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (None, "tune.ranges: expected a range for at least one key"),
        ({}, "tune.ranges: expected a range for at least one key"),
        ({"model": {"bloks": ("int", 1, 2)}}, r"model.bloks: .* no key model.bloks, did you mean model.blocks\?"),
        ({"data": {"valid": ("int", 1, 2)}}, "expected keys of model, optimizer, training .* found data.valid"),
        ({"training": {"epochs": ("int", 1, 2)}}, "found training.epochs"),
        ({"model": {"blocks": ("int", 8, 4)}}, "model.blocks: .* is empty"),
        ({"model": {"blocks": ("choice", ())}}, "model.blocks: expected at least one choice"),
        ({"model": {"blocks": ("choice", ((4,),))}}, "model.blocks: expected numbers and words"),
        ({"model": {"blocks": ("choice", (1, 2))}}, "model.blocks: expected a range with the config's own value 4"),
        ({"model": {"blocks": ("float", 1.0, 8.0)}}, "model.blocks: 'float' does not fit the config's own value 4"),
        ({"model": {"blocks": ("int", 1.5, 8)}}, "model.blocks: expected integers as ends"),
        ({"model": {"blocks": ("about", 4, 5)}}, 'model.blocks: expected \\("int", low, high\\)'),
        ({"model": {"blocks": 4}}, "model.blocks: expected .*, found 4"),
        ({"model": {"rate": ("log", 0.0, 1.0)}}, "model.rate: .* is empty or no range"),
        ({"model": {"kind": ("int", 1, 2)}}, "model.kind: 'int' does not fit the config's own value 'a'"),
    ],
)
def test_bad_ranges(ranges, message):
    config = ConfigDict(
        {"model": {"blocks": 4, "rate": 0.1, "kind": "a"}, "data": {"valid": 1}, "training": {"epochs": 9}}
    )
    config.tune = {} if ranges is None else {"epochs": 2, "ranges": ranges}
    with pytest.raises(InputError, match=message):
        tuning.space_of(config)


def test_a_trial_uses_the_epochs_and_values_of_the_search():
    config = ConfigDict({"model": {"blocks": 4, "rate": 0.1, "kind": "a"}, "training": {"epochs": 9}})
    ranges = {"blocks": ("log", 1, 64), "rate": ("log", 0.01, 1.0), "kind": ("choice", ("a", "b"))}
    config.tune = {"epochs": 2, "ranges": {"model": ranges}}
    space = tuning.space_of(config)
    assert space.own == {"model.blocks": 4, "model.rate": 0.1, "model.kind": "a"}
    assert space.kinds == {"model.blocks": "log", "model.rate": "log", "model.kind": "choice"}
    parameters = tuning.rounded({"model.blocks": 7, "model.rate": 0.123456, "model.kind": "b"})
    applied = tuning.applied(space, parameters)
    assert applied.to_dict() == {"model": {"blocks": 7, "rate": 0.1235, "kind": "b"}, "training": {"epochs": 2}}


def quadratic_search(folder, trials, train):
    """A search for the minimum of a function in place of a training; returns the trials and the importances."""
    config = ConfigDict({"model": {"x": 0.9, "y": 0.5}, "training": {"epochs": 3}})
    config.tune = {"epochs": 0, "ranges": {"model": {"x": ("float", -1.0, 1.0), "y": ("float", 0.0, 1.0)}}}
    space = tuning.space_of(config)
    with tuning.open_study(folder, config, space.own, "data") as study:
        tuning.search(study, space, train, trials, seed=0)
        return tuning.ended(study), tuning.importances(study)


def test_search_finds_the_minimum_and_prunes(tmp_path, monkeypatch):
    """Loss (x - 0.2)^2 + 0.01 y: the minimum is found, most trials are stopped, x mattered, y hardly did.

    A trial that diverges counts as one that was stopped.
    """
    monkeypatch.setattr(tuning.jax, "clear_caches", lambda: None)
    epochs_run = []

    def train(config, report):
        if config.model.x < -0.9:
            raise NonFiniteError("step 1: loss is nan")
        loss = (config.model.x - 0.2) ** 2 + 0.01 * config.model.y
        for epoch in (1, 2, 3):
            epochs_run.append(epoch)
            report(epoch, loss + 1 / epoch)
        return loss + 1 / 3, 10

    monkeypatch.setattr(tuning, "MIN_FOR_IMPORTANCES", 5)
    trials, shares = quadratic_search(tmp_path, 24, train)
    assert len(trials) == 24
    assert trials[0].parameters == {"model.x": 0.9, "model.y": 0.5}
    finished = [t for t in trials if not t.pruned]
    best = min(finished, key=lambda t: t.value)
    assert abs(best.parameters["model.x"] - 0.2) < 0.1
    # never before the second epoch, and never the first trials
    assert 5 <= len(finished) < 20
    assert epochs_run.count(1) == epochs_run.count(2) > epochs_run.count(3) == len(finished)
    assert shares["model.x"] > 0.8
    figure = report.tuning_figure(trials, {"model.x": "linear", "model.y": "linear"})
    assert [ax.get_xlabel() for ax in figure.axes] == ["trial", "model.x", "model.y"]


def test_figure_shows_trials_that_went_wrong_at_its_edge():
    """A loss of 1000 must not flatten the rest; a trial without any loss is left out."""
    losses = [1.0, 1.2, 1000.0, 0.9, None, 1.1]
    trials = [
        report.Trial(i, {"a": 10.0**-i, "b": "xy"[i % 2]}, v, v is None or v > 1.15, 1.0)
        for i, v in enumerate(losses)
    ]
    figure = report.tuning_figure(trials, {"a": "log", "b": "choice"})
    for ax in figure.axes:
        low, high = ax.get_ylim()
        assert low < 0.9
        assert 1.2 < high < 3
    assert figure.axes[1].get_xscale() == "log"
    assert [label.get_text() for label in figure.axes[2].get_xticklabels()] == ["x", "y"]
