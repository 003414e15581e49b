"""The whole dictionary on toys, for momenta, tables, weights and shared samples."""

import json

import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.metrics.balance import momentum_balance
from jaxunfold.metrics.compared import compare, match_names
from jaxunfold.metrics.masses import peak
from jaxunfold.metrics.summary import evaluate_metrics

RESONANCES = {"ll": ("e-", "e+"), "jj": ("q1", "q2")}
TRUTH, RECO = ("e-", "e+", "q1", "q2"), ("e-", "e+", "j1", "j2")
KEYS = {"wasserstein", "triangular", "ks", "calibration_max_deviation", "coverage_68", "coverage_95"}


def momenta(rng, *shape):
    three = 30 * rng.normal(size=(*shape, 4, 3))
    three -= three.mean(axis=-2, keepdims=True)
    energy = np.linalg.norm(three, axis=-1, keepdims=True)
    return np.concatenate([energy, three], axis=-1).astype(np.float32)


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(0)
    return momenta(rng, 300), momenta(rng, 300, 8), momenta(rng, 300)


def of_events(events, **kwargs):
    truth, samples, reco = events
    kwargs = {"reco": reco, "mask": np.ones((len(truth), 4), bool)} | kwargs
    return compare(truth, samples, truth_names=TRUTH, reco_names=RECO, resonances=RESONANCES, **kwargs)


def test_metrics_of_momenta_have_the_contracts_keys(events):
    out = json.loads(json.dumps(evaluate_metrics(of_events(events), replicas=5), allow_nan=False))
    assert (out["n_events"], out["draws"]) == (300, 8)
    names = [f"{q}_{x}" for x in TRUTH for q in ("pt", "eta")] + ["m_ll", "pt_ll", "m_jj", "pt_jj"]
    assert list(out["observables"]) == names
    for entry in out["observables"].values():
        assert set(entry) > KEYS
        assert set(entry["stat_error"]) == KEYS
    for key in ("classifier_auc", "classifier_auc_marginal"):
        assert 0 < out[key] < 1
        assert out[key + "_error"] > 0
    assert set(out["masses"]) == {"m_ll", "m_jj"}
    assert {"truth_peak", "unfolded_peak", "truth_width", "unfolded_width", "ks"} < set(out["masses"]["m_jj"])
    assert out["momentum_balance"] < 1e-6


def test_truth_as_its_own_draw_is_perfect(events):
    truth, _, reco = events
    out = evaluate_metrics(of_events((truth, truth[:, None], reco)), replicas=3, classifier_events=0)
    for entry in out["observables"].values():
        assert entry["wasserstein"] < 1e-12
        assert entry["triangular"] < 1e-12
        assert entry["ks"] < 1e-12
    assert out["masses"]["m_jj"]["peak_shift"] == 0
    assert out["classifier_auc"] is None


def test_an_event_of_weight_two_is_two_events(events):
    truth, samples, reco = (x[:80] for x in events)
    weight = np.random.default_rng(1).integers(1, 3, 80)
    twice = np.repeat(np.arange(80), weight)
    a = evaluate_metrics(of_events((truth, samples, reco), weight=weight), replicas=2, classifier_events=0)
    many = (truth[twice], samples[twice], reco[twice])
    b = evaluate_metrics(of_events(many), replicas=2, classifier_events=0)
    for name, entry in a["observables"].items():
        for key in ("wasserstein", "ks"):
            np.testing.assert_allclose(entry[key], b["observables"][name][key], rtol=1e-6)


def test_one_weighted_sample_for_all_events(events):
    truth, _, reco = events
    shared = truth[None, ::2]
    log_weights = np.where(np.arange(150) < 100, 0.0, -50.0)[None]
    data = of_events((truth, shared, reco), log_weights=log_weights)
    out = evaluate_metrics(data, replicas=5, classifier_events=200)
    assert out["classifier_auc"] is None
    assert out["tarp_max_deviation"] is None
    assert out["classifier_auc_marginal"] > 0
    assert out["observables"]["pt_q1"]["coverage_68"] is None
    alone = of_events((truth, shared[:, :100], reco))
    other = evaluate_metrics(alone, replicas=5, classifier_events=0)
    for key in ("wasserstein", "ks", "triangular"):
        np.testing.assert_allclose(out["observables"]["m_jj"][key], other["observables"]["m_jj"][key], rtol=1e-6)


def test_tables_are_compared_column_by_column():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(200, 3))
    data = compare(
        truth, truth[:, None] + rng.normal(size=(200, 5, 3)), reco=rng.normal(size=(200, 2)),
        truth_names=("a", "b", "c"), reco_names=("b", "x"), units=("GeV", "", ""),
    )  # fmt: skip
    assert data.match == {"b": "b"}
    out = evaluate_metrics(data, replicas=3)
    assert list(out["observables"]) == ["a", "b", "c"]
    assert out["masses"] == {}
    assert "momentum_balance" not in out
    assert 0 < out["tarp_max_deviation"] < 1
    assert out["tarp_max_deviation_error"] > 0


def test_absent_measured_objects_are_nan(events):
    mask = np.ones((300, 4), bool)
    mask[7, 3] = False
    data = of_events(events, mask=mask)
    for name in ("pt_q2", "m_jj", "pt_jj"):
        assert list(np.flatnonzero(np.isnan(data.reco[name]))) == [7]
    assert not np.isnan(data.reco["pt_q1"]).any()
    assert evaluate_metrics(data, replicas=2)["masses"]["m_jj"]["reco_peak"] > 0


def test_leaves_find_their_measured_objects():
    assert match_names(TRUTH, RECO) == {"e-": "e-", "e+": "e+", "q1": "j1", "q2": "j2"}
    assert match_names(("a", "b"), ("b",)) == {"b": "b"}


def test_bad_input_is_one_line(events):
    truth, samples, reco = events
    with pytest.raises(InputError, match="weight: expected a positive sum"):
        of_events(events, weight=-np.ones(300))
    with pytest.raises(InputError, match="samples: expected"):
        of_events((truth, samples[:10], reco))
    broken = samples.copy()
    broken[3, 2, 1, 0] = np.nan
    with pytest.raises(InputError, match="found 1 that"):
        of_events((truth, broken, reco))


def test_peak_shift_and_width_ratio_of_a_known_transformation():
    x = 80 + np.random.default_rng(3).standard_cauchy(5000)
    out = peak(x, (2 * x - 79)[:, None], np.ones(5000), np.ones((5000, 1)))
    np.testing.assert_allclose(out["width_ratio"], 2, rtol=1e-9)
    np.testing.assert_allclose(out["peak_shift"], out["truth_peak"] - 79, rtol=1e-9)


def test_balance_golden_value():
    p = np.zeros((2, 4))
    p[:, 1] = [3.0, -1.0]
    p[:, 2] = [4.0, -4.0]
    np.testing.assert_allclose(momentum_balance(p), 2 / 12)
