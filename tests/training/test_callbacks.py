import io
import json

import pytest
import toy_regression as toy

from jaxunfold import training
from jaxunfold.errors import InputError
from jaxunfold.training import callbacks


def event(kind, **fields):
    values = {
        "kind": kind,
        "stage": "fit",
        "epoch": 1,
        "epochs": 4,
        "step": 10,
        "steps": 40,
        "batch_size": 100,
        "train": {"loss": 0.5},
        "valid": {},
        "best_epoch": 0,
        "seconds": 2.0,
        "events_per_second": 12345.0,
    }
    return training.Event(**(values | fields))


def test_metrics_have_one_line_per_epoch(tmp_path):
    path = tmp_path / "metrics.jsonl"
    toy.make_loop(None, [training.metrics_writer(str(path))], epochs=3)("fit", toy.init, toy.step, toy.evaluate)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["step"] for line in lines] == [20, 40, 60]
    assert set(lines[0]) == {
        "stage",
        "epoch",
        "step",
        "train",
        "valid",
        "seconds",
        "cpu_seconds",
        "events_per_second",
    }
    assert set(lines[0]["train"]) == {"loss", "grad_norm"}
    assert lines[2]["valid"]["loss"] < lines[0]["valid"]["loss"]
    # clocks that start with the stage and go on
    for clock in ("seconds", "cpu_seconds"):
        assert 0 < lines[0][clock] <= lines[1][clock] <= lines[2][clock]


def test_metrics_are_cut_back_to_the_restored_epoch(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write = training.metrics_writer(str(path))
    for stage in ("early", "fit"):
        for epoch in (1, 2, 3):
            write(event("epoch", stage=stage, epoch=epoch, train={"loss": 1.0, "lr": 0.25}))
    with open(path, "a") as file:
        file.write('{"stage": "fit", "epo')
    write(event("start", epoch=1))
    found = callbacks.read_metrics(str(path))
    assert [(line["stage"], line["epoch"]) for line in found] == [
        ("early", 1),
        ("early", 2),
        ("early", 3),
        ("fit", 1),
    ]
    assert found[0]["lr"] == 0.25
    assert found[0]["train"] == {"loss": 1.0}


def test_metrics_that_cannot_be_written_are_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="cannot write the metrics"):
        training.metrics_writer(str(tmp_path / "missing" / "metrics.jsonl"))(event("epoch"))


def test_early_stopping_counts_from_the_best_epoch():
    stop = training.early_stopping(3)
    valid = {"loss": 1.0}
    assert not stop(event("epoch", epoch=6, best_epoch=4, valid=valid))
    assert stop(event("epoch", epoch=7, best_epoch=4, valid=valid))
    assert not stop(event("epoch", epoch=7, best_epoch=0))
    with pytest.raises(InputError, match="patience"):
        training.early_stopping(0)


def test_without_a_terminal_progress_is_plain_lines():
    file = io.StringIO()
    show = training.progress(file, every_seconds=0.0)
    show(event("start", step=0, epoch=0, seconds=0.0, train={}))
    show(event("steps"))
    show(event("epoch", valid={"loss": 0.25}))
    show(event("end", step=40, epoch=4, seconds=8.0))
    lines = file.getvalue().splitlines()
    assert lines == [
        "fit  epoch 1/4  step 10/40  12,345 events/s  0:06 left  train 0.5000",
        "fit  epoch 1/4  step 10/40  12,345 events/s  0:06 left  train 0.5000  valid 0.2500",
        "fit  epoch 4/4  step 40/40  12,345 events/s  train 0.5000  done in 0:08",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_progress_is_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    file = Terminal()
    show = training.progress(file)
    show(event("start", step=0, epoch=0, seconds=0.0, train={}))
    show(event("steps"))
    show(event("epoch", valid={"loss": 0.25}))
    show(event("end", step=40, epoch=4, valid={"loss": 0.25}))
    text = file.getvalue()
    for part in ("fit 4/4", "40/40 steps", "12,345 events/s", "train 0.5000 valid 0.2500"):
        assert part in text
