"""The commands one after the other on small files: what each leaves behind, and going on where it was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest
from tiny_runs import TABLE

import jaxunfold
from jaxunfold import compare, evaluate, generate, simulate, train, unfold
from jaxunfold.data import splits
from jaxunfold.data.events import read, write
from jaxunfold.training import dispatch

MAINS = {m.__name__.rpartition(".")[2]: m.main for m in (train, unfold, evaluate, compare, generate, simulate)}
METRICS = (
    "wasserstein", "triangular", "ks", "calibration_max_deviation", "coverage_68", "coverage_95", "stat_error"
)  # fmt: skip


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def check_metrics(metrics, names):
    """The keys of the contract."""
    assert set(metrics["observables"]) == set(names)
    for entry in metrics["observables"].values():
        assert set(METRICS) <= set(entry)
        assert set(METRICS[:-1]) <= set(entry["stat_error"])
    for key in ("classifier_auc", "classifier_auc_marginal"):
        assert 0 <= metrics[key] <= 1
        assert metrics[f"{key}_error"] > 0


def check_page(folder):
    """A page that needs no other file, and a PNG and a PDF of every figure."""
    text = (folder / "index.html").read_text()
    assert 'src="data:image/png;base64,' in text
    assert "http" not in text.replace("http://www.w3.org", "")
    assert "<script" not in text
    pngs = sorted(p.stem for p in (folder / "figures").glob("*.png"))
    assert pngs
    assert pngs == sorted(p.stem for p in (folder / "figures").glob("*.pdf"))


@pytest.fixture
def no_figures(monkeypatch):
    """Figures take most of the time of an evaluation, and are looked at in the test of training."""
    monkeypatch.setattr("jaxunfold.report.page.write_report", lambda *args, **kwargs: None)


@pytest.mark.parametrize("name", MAINS)
def test_help(name, capsys):
    assert MAINS[name](["--help"]) == 0
    out, err = capsys.readouterr()
    assert f"python -m jaxunfold.{name}" in out
    assert err == ""


def test_train_leaves_what_a_run_is_made_of(table_run):
    folder = Path(table_run)
    assert json.loads((folder / "config.json").read_text())["method"] == "cinn"
    assert [line["epoch"] for line in lines(folder / "metrics.jsonl")] == [1, 2]
    assert any((folder / "checkpoints").iterdir())
    check_page(folder / "report")
    metrics = json.loads((folder / "report" / "metrics.json").read_text())
    check_metrics(metrics, ["a", "b", "c"])
    assert (metrics["n_events"], metrics["draws"]) == (120, 4)
    assert metrics["masses"] == {}


def test_evaluate_momenta(momenta_run, zw_events, tmp_path, no_figures, optimised):
    write(tmp_path / "new.h5", zw_events[:100])
    argv = ["--workdir", momenta_run, "--data", str(tmp_path / "new.h5"), "--draws", "4"]
    assert evaluate.main([*argv, "--out", str(tmp_path / "out")]) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    names = [f"{q}_{x}" for x in ("e-", "e+", "q1", "q2") for q in ("pt", "eta")]
    check_metrics(metrics, [*names, "m_ll", "pt_ll", "m_jj", "pt_jj"])
    assert (metrics["n_events"], metrics["draws"]) == (100, 4)
    assert set(metrics["masses"]) == {"m_ll", "m_jj"}
    for mass in metrics["masses"].values():
        assert {"truth_peak", "unfolded_peak", "truth_width", "unfolded_width"} <= set(mass)
    assert metrics["momentum_balance"] < 1e-6


def test_unfold_a_file(momenta_run, momenta_file, tmp_path, capsys):
    argv = ["--workdir", momenta_run, "--data", momenta_file, "--draws", "3", "--seed", "5"]
    assert unfold.main([*argv, "--out", str(tmp_path / "a.h5")]) == 0
    assert "600" in capsys.readouterr().out
    assert unfold.main([*argv, "--out", str(tmp_path / "b.h5")]) == 0
    with h5py.File(tmp_path / "a.h5") as a, h5py.File(tmp_path / "b.h5") as b:
        samples = a["samples/momenta"][:]
        assert samples.shape == (600, 3, 4, 4)
        assert list(a["samples/momenta"].attrs["labels"]) == ["e-", "e+", "q1", "q2"]
        assert a["log_weights"].shape == (600, 3)
        assert a.attrs["method"] == "cinn"
        np.testing.assert_array_equal(samples, b["samples/momenta"][:])
    # massless leaves that balance in the transverse plane, to the rounding of float32
    np.testing.assert_allclose(samples[..., 0], np.linalg.norm(samples[..., 1:], axis=-1), rtol=1e-5)
    assert np.abs(samples[..., 1:3].sum(axis=-2)).max() < 1e-5 * np.abs(samples).max()
    assert sorted(os.listdir(tmp_path)) == ["a.h5", "b.h5"]


def test_python_takes_a_plain_array(table_run, table_file):
    run = jaxunfold.load(table_run)
    events = read(table_file)
    post = run.unfold(jax.random.key(0), events.reco[:5], num_draws=7)
    assert post.samples.shape == (5, 7, 3)
    again = run.unfold(jax.random.key(0), events[:5], num_draws=7)
    np.testing.assert_array_equal(post.samples, again.samples)
    log_prob = run.log_prob(events.truth[:5], events.reco[:5])
    assert log_prob.shape == (5,)
    assert np.isfinite(log_prob).all()


def test_evaluate_uses_the_test_part_of_the_training_file(table_run, table_file, tmp_path, no_figures):
    argv = ["--workdir", table_run, "--data", table_file, "--draws", "4", "--out", str(tmp_path)]
    assert evaluate.main(argv) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    trained = json.loads((Path(table_run) / "report" / "metrics.json").read_text())
    assert found["n_events"] == len(splits.split(600, 0.1, 0.2, 0).test)
    assert found["observables"] == trained["observables"]


def test_compare(table_run, other_table_run, table_file, tmp_path, capsys):
    argv = ["--workdirs", f"{table_run},{other_table_run}", "--data", table_file, "--draws", "4"]
    assert compare.main([*argv, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "table" in out
    assert "other" in out
    found = json.loads((tmp_path / "comparison.json").read_text())
    # the test events of the first run, whose file this is; the other was trained on another file
    assert (found["n_events"], found["draws"]) == (120, 4)
    assert list(found["runs"]) == ["table", "other"]
    trained = json.loads((Path(table_run) / "report" / "metrics.json").read_text())
    assert found["runs"]["table"]["observables"] == trained["observables"]
    for metrics in found["runs"].values():
        check_metrics(metrics, ["a", "b", "c"])
    check_page(tmp_path)
    made = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert {"posteriors", "calibration_curves", "calibration"} <= made


def test_training_with_products_of_bfloat16(other_table_run, other_table_file, tmp_path, capsys):
    """Its weights are float32, not those of the same training but within what four steps of Adam move them, and its
    validation loss is the same to some roundings of 2^-9; the usual training's config says nothing of its products,
    so that runs of before go on."""
    argv = [*TABLE, "--data", other_table_file, "--config.data.test=0", "--workdir", str(tmp_path / "run")]
    assert train.main([*argv, "--config.products=float16"]) == 2
    assert "products: expected float32 or bfloat16, found 'float16'" in capsys.readouterr().err
    assert train.main([*argv, "--config.products=bfloat16"]) == 0
    ours, usual = (jaxunfold.load(path) for path in (tmp_path / "run", other_table_run))
    assert (ours.config.products, "products" in usual.config) == ("bfloat16", False)
    gaps = []
    for found, full in zip(*(jax.tree.leaves(run.state.params) for run in (ours, usual))):
        assert found.dtype == full.dtype == np.float32
        gaps.append(np.abs(found - full).max())
    assert 1e-6 < max(gaps) < 0.02
    losses = [
        lines(Path(path) / "metrics.jsonl")[-1]["valid"]["loss"] for path in (tmp_path / "run", other_table_run)
    ]
    np.testing.assert_allclose(*losses, rtol=0.01)


def test_labels_tell_runs_apart():
    assert list(compare.labels_of("runs/cinn,runs/gan")) == ["cinn", "gan"]
    assert list(compare.labels_of("a/cinn,b/cinn/")) == ["a/cinn", "b/cinn"]


def test_a_finished_run_is_not_trained_again(other_table_run, other_table_file, monkeypatch):
    def refuse(*args):
        raise AssertionError("trained again")

    monkeypatch.setattr(dispatch, "make_dispatch", refuse)
    before = (Path(other_table_run) / "metrics.jsonl").read_text()
    argv = [*TABLE, "--data", other_table_file, "--workdir", other_table_run, "--config.data.test=0"]
    assert train.main(argv) == 0
    assert (Path(other_table_run) / "metrics.jsonl").read_text() == before


def test_interrupted_and_started_again_it_ends_with_the_same_state(
    other_table_run, other_table_file, tmp_path, monkeypatch, capsys
):
    argv = [*TABLE, "--data", other_table_file, "--workdir", str(tmp_path / "run"), "--config.data.test=0"]

    def interrupt(event):
        if event.kind == "steps" and event.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train.callbacks, "progress", lambda: interrupt)
        assert train.main(argv) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"
    assert unfold.main(["--workdir", str(tmp_path / "run"), "--data", other_table_file, "--out", "x.h5"]) == 2
    assert "not finished" in capsys.readouterr().err
    assert train.main(argv) == 0
    one, two = jaxunfold.load(other_table_run).state, jaxunfold.load(tmp_path / "run").state
    jax.tree.map(np.testing.assert_array_equal, one, two)
    assert [line["epoch"] for line in lines(tmp_path / "run" / "metrics.jsonl")] == [1, 2]


def test_as_a_program_an_error_is_one_line_and_status_2(tmp_path):
    argv = [sys.executable, "-m", "jaxunfold.train", "--config", "configs/table.py"]
    missing = str(tmp_path / "none.h5")
    done = subprocess.run(
        [*argv, "--data", missing, "--workdir", str(tmp_path / "w")], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"error: {missing}: no such file\n"
