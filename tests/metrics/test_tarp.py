"""TARP on a two-dimensional normal posterior that is known: right, too narrow, and of the wrong correlation."""

import numpy as np
import pytest
from scipy.stats import betabinom, kstest

from jaxunfold.metrics.calibration import randomised_ranks
from jaxunfold.metrics.tarp import tarp_ranks

EVENTS, DRAWS = 4000, 50
COVARIANCE = np.array([[1.0, 0.8], [0.8, 1.0]])


def sample(covariance, seed=0):
    """Truth around a measured mean with COVARIANCE, draws with another."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(0, 2, (EVENTS, 2))
    truth = mean + rng.multivariate_normal([0, 0], COVARIANCE, EVENTS)
    return truth, mean[:, None] + rng.multivariate_normal([0, 0], covariance, (EVENTS, DRAWS))


def distance(covariance):
    return kstest(tarp_ranks(np.random.default_rng(1), *sample(covariance)), "uniform").statistic


def test_right_posterior_passes():
    """The sup distance of 4,000 uniform ranks exceeds 0.034 with probability 2 exp(-2 4000 0.034^2) = 2e-4."""
    assert distance(COVARIANCE) < 0.034


@pytest.mark.parametrize("covariance", [0.5 * COVARIANCE, np.array([[1.0, -0.8], [-0.8, 1.0]])])
def test_wrong_posteriors_fail(covariance):
    assert distance(covariance) > 0.034


def test_ranks_of_single_observables_do_not_see_the_wrong_correlation():
    truth, draws = sample(np.array([[1.0, -0.8], [-0.8, 1.0]]))
    for i in range(2):
        ranks = randomised_ranks(np.random.default_rng(2), truth[:, i], draws[..., i])
        assert kstest(ranks, "uniform").statistic < 0.034


@pytest.mark.parametrize("stretch", [0.7, 1.0, 1.4])
def test_widths_off_by_a_factor_in_closed_form(stretch):
    """Two unit normals around the measured mean, the point in it, draws wider by s. r^2 / 2 is exponential, so that
    a draw is farther than the truth with probability exp(-r^2 / 2 s^2), which is Beta(s^2, 1) distributed, and the
    number of farther draws beta-binomial: exact at any number of draws, so the bound is that of the right posterior.
    """
    rng = np.random.default_rng(3)
    mean = rng.normal(0, 2, (EVENTS, 2))
    truth = mean + rng.normal(size=(EVENTS, 2))
    draws = mean[:, None] + stretch * rng.normal(size=(EVENTS, DRAWS, 2))
    ranks = tarp_ranks(rng, truth, draws, mean)
    expected = betabinom(DRAWS, stretch**2, 1).cdf(np.arange(-1, DRAWS + 1))
    knots = np.arange(DRAWS + 2) / (DRAWS + 1)
    assert kstest(1 - ranks, lambda u: np.interp(u, knots, expected)).statistic < 0.034


def test_only_points_that_depend_on_the_measurement_see_the_prior():
    """Truth N(0, 1) measured with noise 1 and draws from the prior, which ignores the measurement."""
    rng = np.random.default_rng(4)
    truth, draws = rng.normal(size=(EVENTS, 1)), rng.normal(size=(EVENTS, DRAWS, 1))
    measured = truth + rng.normal(size=(EVENTS, 1))
    assert kstest(tarp_ranks(rng, truth, draws), "uniform").statistic < 0.034
    assert kstest(tarp_ranks(rng, truth, draws, measured), "uniform").statistic > 0.1
