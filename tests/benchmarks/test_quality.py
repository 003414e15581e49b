"""The tables of the quality benchmark: means and ranges over seeds, dashes for what a result does not have."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "quality.py"


@pytest.fixture(scope="module")
def quality():
    # as python benchmarks/quality.py has it
    sys.path.insert(0, str(PATH.parent))
    spec = importlib.util.spec_from_file_location("quality", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def a_run(**values):
    out = {
        "events": 10000, "draws": 60, "calibration": {"pt_e-": 0.01, "m_jj": 0.02}, "calibration_worst": 0.02,
        "auc_marginal": 0.5, "auc_joint": 0.56, "ks_m_jj": 0.01, "ks_m_ll": 0.01, "median_m_jj_off": -0.02,
        "width_m_jj_off": -0.03, "balance": 4e-8, "draws_per_second": 12000.0, "training_s": 100.0,
    }  # fmt: skip
    return out | values


@pytest.fixture
def results(quality, tmp_path, monkeypatch):
    """Two results as files: an old one without the newer numbers, and one without calibration."""
    new = {"parameters": 1234567, "training_cpu_s": 190.0, "compile_s": 8.0}
    old = {"config": "a.py", "data": "", "runs": [a_run(), a_run(auc_joint=0.6, calibration={"pt_e-": 0.03})]}
    other = a_run(calibration={"pt_e-": None, "eta_q1": None}, calibration_worst=None, **new)
    (tmp_path / "old.json").write_text(json.dumps(old))
    (tmp_path / "weights.json").write_text(json.dumps({"config": "b.py", "data": "", "runs": [other]}))
    (tmp_path / "something_else.json").write_text("{}")
    monkeypatch.setattr(quality, "RESULTS", tmp_path)
    return quality.read_results()


def cells(table):
    """{row: {column: cell}} of a Markdown table."""
    header, line, *rows = [[x.strip() for x in row.strip("|").split("|")] for row in table.splitlines()]
    assert set(line) == {"---"}
    assert all(len(row) == len(header) for row in rows)
    return {row[0]: dict(zip(header[1:], row[1:])) for row in rows}


def test_summary(quality, results):
    found = cells(quality.summary_table(results))
    assert list(found) == ["old", "weights"]
    assert found["old"]["joint AUC"] == "0.5800 (0.5600 to 0.6000)"
    assert found["old"]["marginal AUC"] == "0.5000"
    assert found["old"]["68 % width m_jj off"] == "-3.0%"
    assert found["old"]["parameters"] == found["old"]["training, CPU [s]"] == "-"
    assert found["old"]["seeds"] == "2"
    assert found["weights"]["calibration, worst"] == "-"
    assert found["weights"]["parameters"] == "1,234,567"
    assert found["weights"]["training, CPU [s]"] == "190"
    assert found["weights"]["test events x draws"] == "10,000 x 60"


def test_calibration_of_every_observable(quality, results):
    """In the order of the observables; a seed without a number is left out of the mean."""
    found = cells(quality.calibration_table(results))
    assert list(found["old"]) == ["pt_e-", "eta_q1", "m_jj"]
    assert found["old"] == {"pt_e-": "0.0200 (0.0100 to 0.0300)", "eta_q1": "-", "m_jj": "0.0200"}
    assert set(found["weights"].values()) == {"-"}


def test_only(quality, results):
    assert list(quality.read_results("weights, old")) == ["weights", "old"]
    with pytest.raises(SystemExit, match="among old, weights, found 'wights'"):
        quality.read_results("wights")


def test_figure_has_a_point_for_every_number(quality, results):
    axes = quality.methods_figure(results).axes
    points = [[line.get_ydata()[0] for line in ax.lines if line.get_marker() == "o"] for ax in axes]
    assert points == [[0], [0, 1], [0, 1]]


def test_times_add_up_over_stages(quality):
    """Two stages: 3 + 2 epochs of 10 s, the first of each with 4 and 1 s of compilation."""
    history = [
        {"stage": "a", "seconds": 14.0, "cpu_seconds": 20.0},
        {"stage": "a", "seconds": 24.0, "cpu_seconds": 38.0},
        {"stage": "a", "seconds": 34.0, "cpu_seconds": 56.0},
        {"stage": "b", "seconds": 11.0, "cpu_seconds": 12.0},
        {"stage": "b", "seconds": 21.0, "cpu_seconds": 22.0},
    ]
    assert quality.times(history) == {"training_s": 55.0, "training_cpu_s": 78.0, "compile_s": 5.0}
    old = [{k: v for k, v in line.items() if k != "cpu_seconds"} for line in history[:1]]
    assert quality.times(old) == {"training_s": 14.0, "training_cpu_s": None, "compile_s": None}
    assert set(quality.times([]).values()) == {None}


def test_summarise_reads_metrics_with_and_without_calibration(quality):
    entry = {"ks": 0.01, "median": 80.5, "truth_median": 80.4, "width_68": 2.2, "truth_width_68": 2.0}
    known = entry | {"calibration_max_deviation": 0.02, "coverage_68": 0.68}
    unknown = entry | {"calibration_max_deviation": None, "coverage_68": None}
    metrics = {
        "n_events": 100, "draws": 6, "classifier_auc": 0.6, "classifier_auc_marginal": 0.5, "parameters": 7,
        "timing": {"draws_per_second": 10.0}, "observables": {"m_jj": known, "eta_q1": unknown, "pt_x": known},
    }  # fmt: skip
    found = quality.summarise(metrics)
    assert found["calibration"] == {"eta_q1": None, "m_jj": 0.02}
    assert found["calibration_worst"] == 0.02
    assert found["median_m_jj_off"] == pytest.approx(0.1)
    assert found["width_m_jj_off"] == pytest.approx(0.1)
    assert found["ks_m_ll"] is None
    assert found["balance"] is None
    assert found["parameters"] == 7
    del metrics["observables"]["m_jj"], metrics["parameters"]
    found = quality.summarise(metrics)
    assert found["calibration_worst"] is None
    assert found["ks_m_jj"] is None
    assert found["parameters"] is None
