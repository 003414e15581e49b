"""Calibration on a Gaussian toy whose posterior is known in closed form.

Statistical assertions use fixed seeds; each bound has a false-alarm rate below 1e-3 per seed.
"""

import numpy as np
import pytest
from scipy import stats

from jaxunfold.metrics import calibration


def gaussian_toy(n, k, rng, stretch=1.0):
    """Truth ~ N(0, 1), reco = truth + N(0, 1): the posterior is N(reco / 2, 1 / 2)."""
    truth = rng.normal(size=n)
    reco = truth + rng.normal(size=n)
    return truth, reco[:, None] / 2 + stretch * np.sqrt(0.5) * rng.normal(size=(n, k))


@pytest.mark.parametrize("k", [1, 5, 60])
def test_ranks_of_a_perfect_posterior_are_uniform(k):
    rng = np.random.default_rng(k)
    truth, draws = gaussian_toy(5000, k, rng)
    ranks = calibration.randomised_ranks(rng, truth, draws)
    assert stats.kstest(ranks, "uniform").pvalue > 1e-3
    assert calibration.max_deviation(ranks)[0] < 1.95 / np.sqrt(5000)
    for level in (0.68, 0.95):
        sigma = np.sqrt(level * (1 - level) / 5000)
        assert abs(calibration.central_coverage(ranks, level)[0] - level) < 3.3 * sigma


def test_too_wide_a_posterior_covers_as_computed():
    rng = np.random.default_rng(1)
    truth, draws = gaussian_toy(5000, 400, rng, stretch=1.5)
    ranks = calibration.randomised_ranks(rng, truth, draws)
    expected = 2 * stats.norm.cdf(1.5 * stats.norm.ppf(0.84)) - 1
    assert abs(calibration.central_coverage(ranks, 0.68)[0] - expected) < 0.02
    # the curve is Phi(1.5 Phi^-1(q)): its largest distance from the diagonal
    q = np.linspace(0, 1, 2001)[1:-1]
    deviation = np.abs(stats.norm.cdf(1.5 * stats.norm.ppf(q)) - q).max()
    assert abs(calibration.max_deviation(ranks)[0] - deviation) < 0.025


def test_max_deviation_is_the_one_sample_ks_statistic():
    ranks = np.random.default_rng(2).beta(2, 3, size=300)
    expected = stats.kstest(ranks, "uniform").statistic
    np.testing.assert_allclose(calibration.max_deviation(ranks), [expected])
    repeat = np.random.default_rng(3).integers(0, 4, 300)
    many = calibration.max_deviation(np.repeat(ranks, repeat))
    np.testing.assert_allclose(calibration.max_deviation(ranks, repeat[:, None].astype(float)), many)


def test_weighted_draws_reweight_the_posterior():
    # draws from N(reco/2, 1), weighted to N(reco/2, 1/2)
    rng = np.random.default_rng(4)
    truth, draws = gaussian_toy(4000, 300, rng, stretch=np.sqrt(2))
    truth, wide = truth, draws
    centre = wide.mean(axis=1, keepdims=True)
    reco_half = centre  # the mean of the draws estimates reco / 2 to 0.06
    weight = np.exp(-0.5 * (wide - reco_half) ** 2)
    weighted = calibration.randomised_ranks(rng, truth, wide, weight)
    unweighted = calibration.randomised_ranks(rng, truth, wide)
    assert calibration.max_deviation(weighted)[0] < 0.035 < calibration.max_deviation(unweighted)[0]


def test_equal_weights_change_nothing_and_ties_are_shared():
    truth, draws = gaussian_toy(200, 7, np.random.default_rng(5))
    a = calibration.randomised_ranks(np.random.default_rng(6), truth, draws)
    b = calibration.randomised_ranks(np.random.default_rng(6), truth, draws, np.full((200, 7), 0.3))
    np.testing.assert_allclose(a, b)
    constant = calibration.randomised_ranks(np.random.default_rng(7), np.zeros(4000), np.zeros((4000, 9)))
    assert stats.kstest(constant, "uniform").pvalue > 1e-3


def test_curve_and_band():
    ranks = np.array([0.1, 0.4, 0.4, 0.9])
    curve = calibration.calibration_curve(ranks, np.array([0.0, 0.1, 0.4, 0.5, 1.0]))
    np.testing.assert_allclose(curve, [0, 0.25, 0.75, 0.75, 1])
    weighted = calibration.calibration_curve(ranks, np.array([0.5]), np.array([1.0, 0, 0, 1]))
    np.testing.assert_allclose(weighted, [0.5])
    band = calibration.binomial_band(np.array([0.0, 0.5]), np.ones(100))
    np.testing.assert_allclose(band, [0, 0.05])
