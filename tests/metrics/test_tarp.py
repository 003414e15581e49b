"""TARP on a two-dimensional normal posterior that is known: right, too narrow, and of the wrong correlation."""

import numpy as np
import pytest
from scipy.stats import kstest

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
