"""A file in parts: the draws of the whole, the same bytes after an interruption, the memory of a part."""

import dataclasses

import h5py
import jax
import numpy as np
import pytest

import jaxunfold
from jaxunfold import streaming, unfold
from jaxunfold.data import parts
from jaxunfold.data.events import write
from jaxunfold.errors import InputError


@pytest.fixture
def small_parts(monkeypatch):
    """600 events with 6 draws each: 100 events a call, 200 a part."""
    monkeypatch.setattr("jaxunfold.run.DRAWS_PER_CALL", 600)
    monkeypatch.setattr("jaxunfold.streaming.DRAWS_PER_CALL", 600)
    monkeypatch.setattr("jaxunfold.streaming.PART_DRAWS", 1200)


def command(run, data, out):
    return unfold.main(["--workdir", run, "--data", str(data), "--out", str(out), "--draws", "6"])


def test_parts_have_the_draws_of_the_whole(small_parts, table_run, table_file, table_events, tmp_path, capsys):
    assert command(table_run, table_file, tmp_path / "a.h5") == 0
    assert "(600, 6, 3), table" in capsys.readouterr().out
    run = jaxunfold.load(table_run)
    whole = run.unfold(jax.random.key(0), table_events, 6)
    inside, density = run.in_support(table_events)
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_allclose(file["samples/table"][:], whole.samples, rtol=1e-4)
        np.testing.assert_array_equal(file["event"][:], np.arange(600))
        np.testing.assert_array_equal(file["in_support"][:], inside)
        np.testing.assert_allclose(file["log_support"][:], density, rtol=1e-4, atol=1e-4)
        assert file["per_event/median"].shape == (600, 3)
        assert file.attrs["events"] == 600
    assert not (tmp_path / "a.h5.parts").exists()


def test_interrupted_it_goes_on_to_the_same_file(
    small_parts, table_run, table_file, other_table_file, tmp_path, monkeypatch
):
    assert command(table_run, table_file, tmp_path / "a.h5") == 0
    compute, computed = streaming.compute, []

    def stops(run, job, index, progress=None):
        computed.append(index)
        if len(computed) == 3:
            raise KeyboardInterrupt
        return compute(run, job, index, progress)

    monkeypatch.setattr(streaming, "compute", stops)
    assert command(table_run, table_file, tmp_path / "b.h5") == 130
    assert len(list((tmp_path / "b.h5.parts").glob("*.npz"))) == 2
    assert not (tmp_path / "b.h5").exists()
    assert command(table_run, table_file, tmp_path / "b.h5") == 0
    assert computed == [0, 1, 2, 2]
    assert (tmp_path / "b.h5").read_bytes() == (tmp_path / "a.h5").read_bytes()
    # another file's events are not mixed in
    (tmp_path / "c.h5.parts").mkdir()
    (tmp_path / "c.h5.parts" / "key").write_text("another")
    parts.save(tmp_path / "c.h5.parts", 0, {"event": np.arange(3)})
    assert command(table_run, other_table_file, tmp_path / "c.h5") == 0
    assert computed[4:] == [0, 1]


def test_an_error_says_where(small_parts, table_run, table_events, tmp_path, capsys):
    """Refused before anything is unfolded."""
    reco = table_events.reco.copy()
    reco[450, 1] = np.nan
    write(tmp_path / "bad.h5", dataclasses.replace(table_events, reco=reco))
    assert command(table_run, tmp_path / "bad.h5", tmp_path / "a.h5") == 2
    assert "row 450" in capsys.readouterr().err
    assert not (tmp_path / "a.h5.parts").exists()


def test_size_of_parts(table_run):
    """About 2^20 draws, whole calls; at most one call's events where an event has one draw."""
    run = jaxunfold.load(table_run)
    make = lambda n, k: streaming.make_job(run, "w", __file__, n, k, 0, False)  # noqa: E731
    # 77 calls of at most 131,072 events, all of one size
    assert (make(10**7, 1).rows, make(10**7, 1).num_parts) == (129871, 77)
    assert make(10**7, 100).rows == 8 * 1310
    assert make(10**7, 1000).rows == 8 * 131
    assert make(10, 10**6).rows == 1
    assert make(600, 6).num_parts == 1
    assert make(10**7, 1).span(76) == (76 * 129871, 10**7)
    assert make(10, 5).key != make(10, 6).key
    whole = dataclasses.replace(run, method=run.method._replace(whole_sample=True))
    assert streaming.make_job(whole, "w", __file__, 10**7, 100, 0, False).num_parts == 1


def test_parts_of_another_are_refused(tmp_path):
    folder = parts.folder_of(tmp_path / "a.h5")
    assert parts.open_folder(folder, "one", resume=False) == []
    parts.save(folder, 7, {"x": np.arange(3)})
    assert parts.open_folder(folder, "one", resume=True) == [7]
    np.testing.assert_array_equal(parts.load(folder, 7)["x"], np.arange(3))
    with pytest.raises(InputError, match="drop --resume"):
        parts.open_folder(folder, "two", resume=True)
    assert parts.open_folder(folder, "two", resume=False) == []
    assert not list(folder.glob("*.npz"))
