"""Every wrong input gives one line on stderr that names what is wrong and status 2, and loses nothing."""

import dataclasses
import errno
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from tiny_runs import MOMENTA, TABLE

from jaxunfold import compare, evaluate, simulate, train, unfold
from jaxunfold.data.events import Events, write
from jaxunfold.training import checkpoint

MAINS = {m.__name__.rpartition(".")[2]: m.main for m in (train, unfold, evaluate, compare, simulate)}


@pytest.fixture
def fails(capsys):
    """fails(main, argv, *words): status 2 and one line on stderr with the words in it; returns the line."""

    def check(main, argv, *words):
        capsys.readouterr()
        status = main([str(x) for x in argv])
        out, err = capsys.readouterr()
        assert status == 2
        assert out == ""
        assert err.startswith("error: "), err
        assert err.count("\n") == 1, err
        for word in words:
            assert str(word) in err
        return err

    return check


@pytest.fixture
def broken(tmp_path, zw_events):
    """broken(change): a copy of the file of Z W events after ``change(h5py file)``."""

    def make(change, name="bad.h5"):
        path = tmp_path / name
        write(path, zw_events)
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return make


def trains(path, workdir):
    return [*MOMENTA, "--data", path, "--workdir", workdir]


@pytest.mark.parametrize("name", MAINS)
def test_arguments(name, fails):
    fails(MAINS[name], ["--nothing-like-it=1"], "unknown flag --nothing-like-it")
    fails(MAINS[name], ["--sed", "1"], "unknown flag --sed") if name == "train" else fails(
        MAINS[name], ["--sed", "1"], "did you mean --seed?"
    )
    fails(MAINS[name], [], "required")


def test_stray_arguments(fails):
    required = {
        "train": ["--config", "configs/table.py"],
        "unfold": ["--workdir", "a", "--data", "b", "--out", "c"],
        "evaluate": ["--workdir", "a", "--data", "b", "--out", "c"],
        "compare": ["--workdirs", "a,b", "--data", "b", "--out", "c"],
        "simulate": ["--config", "configs/data/zw_2jet.py", "--events", "1", "--out", "c"],
    }
    for name, argv in required.items():
        fails(MAINS[name], [*argv, "stray"], "stray")


def test_config(fails, tmp_path, table_file):
    fails(train.main, ["--config", "configs/cin.py"], "configs/cin.py: no such config", "configs/cinn.py?")
    fails(train.main, ["--config", "configs/table.py:smok"], "smok")
    argv = [*TABLE, "--data", table_file, "--workdir", tmp_path / "w"]
    fails(
        train.main,
        [*argv, "--config.model.flow.block=3"],
        "model.flow.block",
        "did you mean model.flow.blocks?",
    )
    fails(train.main, [*argv, "--config.training.epochs=many"], "training.epochs", "many")
    fails(train.main, [*argv, "--config.training.epochs=0"], "epochs", "0")
    fails(train.main, [*argv, "--config.method=gann"], "method", "cinn", "gann")
    fails(train.main, [*argv, "--config.optimizer.kind=sdg"], "sdg")
    fails(train.main, [*argv, "--config.model.flow.layer=splin"], "layer", "splin")
    fails(train.main, [*argv, "--config.data.valid=600"], "valid = 600")
    fails(train.main, ["--config", "configs/table.py", "--workdir", tmp_path / "w"], "--data")


def test_files_that_are_none(fails, tmp_path, momenta_file):
    argv = lambda path: trains(path, tmp_path / "w")  # noqa: E731
    missing, text, empty, cut = (tmp_path / name for name in ("none.h5", "text.h5", "empty.h5", "cut.h5"))
    text.write_text("pt,eta\n1,2\n")
    empty.touch()
    whole = Path(momenta_file).read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    fails(train.main, argv(missing), f"{missing}: no such file")
    fails(train.main, argv(text), f"{text}: not an HDF5 file")
    fails(train.main, argv(empty), f"{empty}: not an HDF5 file")
    fails(train.main, argv(cut), f"{cut}: truncated HDF5 file")
    fails(train.main, argv(tmp_path), str(tmp_path))


def shorten(file):
    kept = file["truth/momenta"][:599]
    del file["truth/momenta"]
    file["truth/momenta"] = kept


def set_value(name, where, value):
    def change(file):
        file[name][where] = value

    return change


def weights(values):
    def change(file):
        file["weight"] = np.asarray(values, np.float32)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.attrs.modify("schema", 2), ["schema expected 1, found 2"]),
        (lambda f: f.attrs.pop("schema"), ["schema expected 1, found none"]),
        (lambda f: f.pop("truth"), ["truth/momenta"]),
        (lambda f: f.pop("reco/mask"), ["reco/mask"]),
        (set_value("truth/momenta", (17, 2, 1), np.nan), ["truth/momenta row 17", "q1 px", "NaN"]),
        (set_value("reco/momenta", (3, 0, 0), np.inf), ["reco/momenta row 3", "e- E", "infinity"]),
        (set_value("truth/momenta", (40, 1, 0), 1e-3), ["truth/momenta row 40", "e+", "E >= |p|"]),
        (shorten, ["truth/momenta", "600", "599"]),
        (weights(np.zeros(600)), ["weight expected a positive sum, found 0"]),
        (weights([-3] + [0.001] * 599), ["weight expected a positive sum, found -"]),
    ],
)
def test_files_with_something_wrong(change, words, fails, broken, tmp_path):
    path = broken(change)
    fails(train.main, trains(path, tmp_path / "w"), path, *words)


def test_too_few_events(fails, tmp_path, zw_events, momenta_run):
    none, one = tmp_path / "none.h5", tmp_path / "one.h5"
    write(one, zw_events[:1])
    with h5py.File(none, "w") as file:
        file.attrs["schema"] = 1
        file["truth/momenta"] = file["reco/momenta"] = np.zeros((0, 4, 4), np.float32)
        file["reco/mask"] = np.zeros((0, 4), bool)
    fails(train.main, trains(none, tmp_path / "w"), none, "zero")
    fails(train.main, trains(one, tmp_path / "w"), one, "found 1")
    out = tmp_path / "out"
    fails(evaluate.main, ["--workdir", momenta_run, "--data", none, "--out", out], none, "zero")
    fails(evaluate.main, ["--workdir", momenta_run, "--data", one, "--out", out], one, "found 1")
    # one measured event is enough to be unfolded
    assert unfold.main(["--workdir", momenta_run, "--data", str(one), "--out", str(tmp_path / "o.h5")]) == 0


def test_another_config_or_data_file(fails, other_table_run, other_table_file, table_file):
    argv = [*TABLE, "--workdir", other_table_run, "--config.data.test=0"]
    before = {p: p.read_bytes() for p in Path(other_table_run).rglob("*") if p.is_file()}
    fails(train.main, [*argv, "--data", table_file], other_table_run, "another data file")
    other = [*argv, "--data", other_table_file, "--config.training.seed=1"]
    fails(train.main, other, other_table_run, "another config", "training.seed")
    assert {p: p.read_bytes() for p in Path(other_table_run).rglob("*") if p.is_file()} == before


def test_a_checkpoint_from_another_config(fails, other_table_run, other_table_file, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(other_table_run, copy)
    config = json.loads((copy / "config.json").read_text())
    config["model"]["condition"]["units"] = 16
    (copy / "config.json").write_text(json.dumps(config))
    argv = ["--workdir", copy, "--data", other_table_file, "--out", tmp_path / "out.h5"]
    fails(unfold.main, argv, "checkpoints", "expected", "found")
    (copy / "config.json").write_text("{")
    fails(unfold.main, argv, "config.json")


def test_places_that_cannot_be_written(fails, tmp_path, momenta_file, table_file, table_run):
    # below a regular file, for permissions do not stop everyone
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "below"
    fails(train.main, trains(momenta_file, below), below)
    asked = ["--workdir", table_run, "--data", table_file, "--events", 100, "--out"]
    for out in (below, tmp_path):
        fails(unfold.main, ["--workdir", table_run, "--data", table_file, "--out", out], out.parent)
    fails(evaluate.main, [*asked, tmp_path / "file"], tmp_path / "file")


def test_a_full_disk_while_checkpointing(tmp_path, other_table_file, monkeypatch, capsys):
    argv = [*TABLE, "--data", other_table_file, "--workdir", str(tmp_path / "w"), "--config.data.test=0"]
    write_arrays, calls = checkpoint._write_arrays, []

    def full(path, leaves):
        calls.append(path)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_arrays(path, leaves)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_write_arrays", full)
        assert train.main(argv) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert [line for line in err.splitlines() if line.startswith("error: ")] == [err.splitlines()[-1]]
    assert "No space left on device" in err
    assert "is intact" in err
    assert len(checkpoint.paths(str(tmp_path / "w" / "checkpoints"), "cinn")) == 1
    assert train.main(argv) == 0
    assert "goes on from step" in capsys.readouterr().err


def test_runs_that_do_not_fit(fails, tmp_path, momenta_run, momenta_file, table_run, table_file):
    out = ["--out", tmp_path / "out"]
    fails(unfold.main, ["--workdir", tmp_path, "--data", table_file, *out], tmp_path, "config.json")
    fails(unfold.main, ["--workdir", table_run, "--data", momenta_file, *out], momenta_file, "'table'")
    fails(unfold.main, ["--workdir", table_run, "--data", table_file, *out, "--draws", 0], "--draws")
    fails(evaluate.main, ["--workdir", table_run, "--data", table_file, *out, "--events", 1], "--events")
    fails(evaluate.main, ["--workdir", table_run, "--data", table_file, *out, "--seed", -1], "--seed")
    fails(compare.main, ["--workdirs", table_run, "--data", table_file, *out], "two or more")
    fails(compare.main, ["--workdirs", f"{table_run},{table_run}/", "--data", table_file, *out], "once")
    fails(compare.main, ["--workdirs", f"{table_run},{tmp_path}", "--data", table_file, *out], tmp_path)
    both = f"{table_run},{momenta_run}"
    fails(compare.main, ["--workdirs", both, "--data", table_file, *out], "expected data of kind table")
    fails(train.main, [*MOMENTA, "--data", table_file, "--workdir", tmp_path / "w"], "table")


def test_columns_that_do_not_fit(fails, tmp_path, table_run, table_events, momenta_run, zw_events):
    out = ["--out", tmp_path / "out.h5"]
    other = tmp_path / "columns.h5"
    write(other, dataclasses.replace(table_events, reco_names=("ra", "rc")))
    fails(unfold.main, ["--workdir", table_run, "--data", other, *out], other, "expected rb", "found ra, rc")
    more = tmp_path / "jets.h5"
    write(
        more,
        Events(
            reco=np.concatenate([zw_events.reco, zw_events.reco[:, 3:]], axis=1),
            truth=zw_events.truth,
            truth_names=zw_events.truth_names,
            reco_names=(*zw_events.reco_names, "j3"),
        ),
    )
    fails(unfold.main, ["--workdir", momenta_run, "--data", more, *out], more, "row 0", "j3")
