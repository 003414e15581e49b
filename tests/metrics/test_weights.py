"""Effective sample size and largest share in closed form."""

import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.metrics.compared import divide_weight
from jaxunfold.metrics.weights import weight_health


def test_golden_values():
    # weights 1, 1, 2: 16 / 6 events of 3, the largest is half of all; any common factor drops out
    health = weight_health(np.log([1.0, 1.0, 2.0]) + 500)
    np.testing.assert_allclose(health, (16 / 18, 0.5))
    np.testing.assert_allclose(weight_health(np.zeros(3), np.array([1.0, 1.0, 2.0])), health)
    np.testing.assert_allclose(weight_health(np.zeros(2), np.array([2.0, -1.0])), (1 / 10, 2.0))


def test_lognormal_weights():
    """exp of a normal of width s: the effective sample size is exp(-s^2); within 5 per cent at 200,000 draws."""
    log_weights = 0.5 * np.random.default_rng(0).normal(size=200_000)
    np.testing.assert_allclose(weight_health(log_weights).ess, np.exp(-0.25), rtol=0.05)


def test_refusals():
    with pytest.raises(InputError, match="log_weights: expected finite numbers, found 1 of 3"):
        weight_health(np.array([0.0, np.nan, 1.0]))
    with pytest.raises(InputError, match="weights: expected a positive sum"):
        weight_health(np.zeros(2), np.array([1.0, -1.0]))


def test_weights_before_count_times_log_weights():
    """One sample for three events: base weights of both signs times exp(log_weights), as many as the events weigh."""
    base, log_weights = np.array([[1.0, -0.5, 2.0]]), np.log([[1.0, 1.0, 3.0]])
    found = divide_weight(np.array([1.0, 2.0, 3.0]), log_weights, base)
    np.testing.assert_allclose(found, np.array([[1.0, -0.5, 6.0]]) * 6 / 6.5)
    with pytest.raises(InputError, match="weights of the draws: expected a positive sum"):
        divide_weight(np.ones(3), log_weights, -base)
