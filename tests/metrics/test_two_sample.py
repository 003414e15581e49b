"""Classifier two-sample tests and their areas against closed forms."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from jaxunfold.metrics import two_sample
from jaxunfold.metrics.compared import compare


def test_area_is_sklearns_also_with_weights_and_ties():
    rng = np.random.default_rng(0)
    a, b, w = rng.normal(size=400).round(1) + 0.5, rng.normal(size=400).round(1), rng.uniform(size=400)
    expected = roc_auc_score(np.repeat([1, 0], 400), np.append(a, b), sample_weight=np.tile(w, 2))
    np.testing.assert_allclose(two_sample.paired_auc(a, b, w).value, expected)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_area_and_error_of_two_gaussians(correlation):
    # closed form: Phi(d / sqrt 2); the error against the spread over 300 repetitions (known to 4 per cent)
    rng = np.random.default_rng(1)
    results = []
    for _ in range(300):
        common = np.sqrt(correlation) * rng.normal(size=300)
        a, b = common + np.sqrt(1 - correlation) * rng.normal(size=(2, 300))
        results.append(two_sample.paired_auc(a + 0.6, b))
    values, errors = np.array(results).T
    expected = stats.norm.cdf(0.6 / np.sqrt(2))
    assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(300)
    np.testing.assert_allclose(errors.mean(), values.std(), rtol=0.15)


def table(n, k, rng, shift=0.0, stretch=1.0):
    truth = rng.normal(size=(n, 2))
    reco = truth + rng.normal(size=(n, 2))
    draws = reco[:, None] / 2 + shift + stretch * np.sqrt(0.5) * rng.normal(size=(n, k, 2))
    return compare(truth, draws, reco=reco, truth_names=("a", "b"), reco_names=("a", "b"))


def test_a_perfect_posterior_reads_one_half():
    data = table(3000, 2, np.random.default_rng(2))
    for with_reco in (False, True):
        area = two_sample.classifier_auc(data, with_reco)
        # four standard errors: false-alarm rate 6e-5
        assert abs(area.value - 0.5) < 4 * area.error < 0.05


def test_draws_of_the_prior_fool_the_marginal_test_only():
    rng = np.random.default_rng(3)
    data = table(3000, 1, rng)
    # a permutation of the truth itself would put exact copies into both folds
    shuffled = data._replace(samples=rng.normal(size=(3000, 1, 2)))
    assert abs(two_sample.classifier_auc(shuffled, False).value - 0.5) < 0.04
    assert two_sample.classifier_auc(shuffled, True).value > 0.6


def test_copies_of_the_truth_read_one_half_and_seeds_are_fixed():
    data = table(1000, 1, np.random.default_rng(4))
    copy = data._replace(samples=data.truth_events[:, None])
    assert two_sample.classifier_auc(copy).value == 0.5
    assert two_sample.classifier_auc(data) == two_sample.classifier_auc(data)


def test_draws_follow_their_weights():
    data = table(2000, 4, np.random.default_rng(5))
    weight = np.zeros((2000, 4))
    weight[:, 2] = 1.0
    chosen = np.arange(5, 2000)
    rows, at = two_sample.one_draw(data._replace(draw_weight=weight), np.random.default_rng(0), chosen)
    np.testing.assert_array_equal(rows, chosen)
    np.testing.assert_array_equal(at, 2)


def test_one_sample_for_all_events_is_picked_from_without_repetition():
    """As many equal parts of the weight as there are events: none is picked twice unless it is larger than a part."""
    truth, samples = np.zeros((50, 2)), np.random.default_rng(0).normal(size=(1, 400, 2))
    log_weights = np.log(np.concatenate([np.full(399, 1.0), [57.0]]))[None]
    data = compare(truth, samples, log_weights)
    _, at = two_sample.one_draw(data, np.random.default_rng(1), np.arange(50))
    values, counts = np.unique(at, return_counts=True)
    assert set(counts[values < 399]) == {1}
    # an eighth of the weight is of 50 events 6 or 7
    assert counts[values == 399] in (6, 7)
    assert not (np.diff(at) >= 0).all()


def test_one_sample_for_all_events_from_the_same_truth_reads_one_half():
    """600 events against a weighted sample of 800, a tenth of which carries half of the weight and is drawn often.

    Copies of a draw in both folds would read 0.6 and more; 0.5 within 3 errors at these numbers.
    """
    rng = np.random.default_rng(6)
    truth, sample = rng.normal(size=(600, 2)), rng.normal(size=(1, 800, 2))
    weight = np.where(np.arange(800) < 80, 9.0, 1.0)[None]
    data = compare(truth, sample, np.log(weight))
    _, at = two_sample.one_draw(data, rng, np.arange(600))
    times = np.bincount(at, minlength=800)
    # each as often as its weight says, up to rounding
    assert (np.abs(times - 600 * weight[0] / weight.sum()) < 1).all()
    auc = two_sample.classifier_auc(data, False)
    assert abs(auc.value - 0.5) < 3 * auc.error


def test_a_sample_many_times_the_events_fills_both_folds():
    """48 draws for each event: what is picked lies 48 apart, and all have even or all have odd numbers."""
    rng = np.random.default_rng(7)
    data = compare(rng.normal(size=(100, 2)), rng.normal(size=(1, 4800, 2)), np.zeros((1, 4800)))
    _, at = two_sample.one_draw(data, np.random.default_rng(0), np.arange(100))
    assert len(set(at % 2)) == 1
    auc = two_sample.classifier_auc(data, False)
    assert abs(auc.value - 0.5) < 4 * auc.error


def test_particle_features_golden_values():
    p = np.array([[[5.0, 3.0, 4.0, 0.0], [13.0, 0.0, -5.0, 12.0]]])
    expected = [5, 0, 5, np.arcsinh(2.4), 0.6, 0.8, 0, -1]
    np.testing.assert_allclose(two_sample.particle_features(p)[0], expected, rtol=1e-6)


def test_an_object_that_no_event_has_changes_nothing():
    """A column without a single number is left out; the trees' binning has no answer to it."""
    rng = np.random.default_rng(0)
    positive, negative = rng.normal(size=(400, 2)), rng.normal(0.5, 1.0, size=(400, 2))
    fold, weight = np.arange(400) % 2, np.ones(400)
    hidden = np.full((400, 1), np.nan)
    expected = two_sample.held_out_auc(positive, negative, weight, 0, fold)
    found = two_sample.held_out_auc(np.hstack([positive, hidden]), np.hstack([negative, hidden]), weight, 0, fold)
    assert found == expected
