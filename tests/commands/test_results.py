"""From a trained run to tables: the bundle adds to the draws, flags strange events, and needs no network."""

import json
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest

import jaxunfold
from jaxunfold import export, histogram, unfold
from jaxunfold.bundle import files
from jaxunfold.data.events import write


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, table_run, table_file):
    path = tmp_path_factory.mktemp("results") / "draws.h5"
    assert unfold.main(["--workdir", table_run, "--data", table_file, "--out", str(path), "--draws", "6"]) == 0
    return path


def test_bundle(drawn, table_run, table_file, table_events):
    run = jaxunfold.load(table_run)
    unfolded = run.unfold(jax.random.key(0), table_events, 6)
    with h5py.File(drawn) as file:
        np.testing.assert_array_equal(file["samples/table"][:], unfolded.samples)
        np.testing.assert_array_equal(file["event"][:], np.arange(600))
        assert list(file["per_event/median"].attrs["names"]) == ["a", "b", "c"]
        ordered = np.sort(files.values(files.read(drawn), ["b"])[0], axis=1)
        np.testing.assert_allclose(file["per_event/median"][:, 1], ordered[:, 2:4].mean(1), rtol=1e-5)
        inside, density = run.in_support(table_events)
        np.testing.assert_array_equal(file["in_support"][:], inside)
        np.testing.assert_allclose(file["log_support"][:], density, rtol=1e-5)
        assert json.loads(file.attrs["config"])["method"] == "cinn"
        for name in ("model_hash", "data_hash", "training_data_hash", "seed", "draws", "data"):
            assert file.attrs[name] is not None
        assert file.attrs["data_hash"] == file.attrs["training_data_hash"]
    # the training's own events: about one in a thousand
    assert np.sum(~inside) <= 6


def test_the_same_model_has_the_same_hash(drawn, table_run):
    run = jaxunfold.load(table_run)
    a, b = files.hash_of((run.state, run.fitted)), files.hash_of((jaxunfold.load(table_run).state, run.fitted))
    assert a == b != files.hash_of((jax.tree.map(lambda x: x + 1, run.state), run.fitted))


def test_strange_events_are_flagged_and_counted(table_run, table_events, tmp_path, capsys):
    """Ten events far from all others among 200 of the training's."""
    strange = table_events[:200]
    reco = strange.reco.copy()
    reco[:10] += 100
    write(tmp_path / "data.h5", type(strange)(reco, reco_names=strange.reco_names))
    out = tmp_path / "draws.h5"
    argv = ["--workdir", table_run, "--data", str(tmp_path / "data.h5"), "--out", str(out), "--draws", "2"]
    assert unfold.main(argv) == 0
    text = capsys.readouterr().out
    with h5py.File(out) as file:
        inside = file["in_support"][:]
    assert not inside[:10].any()
    assert inside[10:].sum() >= 185
    assert f"{np.sum(~inside)}" in text.split("outside of the")[1]
    assert files.read(out).outside == np.sum(~inside)


def test_histogram_and_export_need_no_run(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(jaxunfold, "load", None)
    argv = [str(drawn), "--observable", "a", "--bins", "40:60:8", "--scale", "normalised"]
    assert histogram.main([*argv, "--out", str(tmp_path / "m.json")]) == 0
    assert export.main([str(drawn), "--out", str(tmp_path / "d.parquet")]) == 0


def test_runs_without_a_record_of_their_support(table_run, table_file, tmp_path, monkeypatch, capsys):
    """Those of earlier versions: nothing is flagged, and the outputs say so."""
    monkeypatch.setattr("jaxunfold.saved.load_support", lambda workdir: None)
    out = tmp_path / "draws.h5"
    assert unfold.main(["--workdir", table_run, "--data", table_file, "--out", str(out), "--draws", "2"]) == 0
    assert "not known" in capsys.readouterr().out
    assert files.read(out).outside is None
    argv = [str(out), "--observable", "a", "--bins", "40:60:8", "--out", str(tmp_path / "m.json")]
    assert histogram.main(argv) == 0
    assert json.loads((tmp_path / "m.json").read_text())["spectra"][0]["n_events"] == 600


def test_model_card(table_run):
    text = (Path(table_run) / "model_card.md").read_text()
    metrics = json.loads((Path(table_run) / "report" / "metrics.json").read_text())
    assert f"{metrics['outside_support']} of {metrics['n_events']} events" in text
    for words in ("## Data", "## Prior", "## Closure", "## Where it must not be used", "table.h5, hash", "| a |"):
        assert words in text
