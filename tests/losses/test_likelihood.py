"""Likelihood and prior against scipy."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jaxunfold.losses.likelihood import gaussian_prior, negative_log_likelihood, standard_normal_log_prob

Z = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)


def test_standard_normal():
    np.testing.assert_allclose(standard_normal_log_prob(jnp.asarray(Z)), stats.norm.logpdf(Z).sum(1), rtol=1e-5)


def test_likelihood_of_a_scaled_normal():
    """x ~ N(3, 2^2) is z = (x - 3) / 2 with log_det = -5 log 2."""
    x = 3 + 2 * Z
    found = negative_log_likelihood(jnp.asarray((x - 3) / 2), jnp.full(20, -5 * np.log(2.0)))
    np.testing.assert_allclose(found, -stats.norm.logpdf(x, 3, 2).sum(1), rtol=1e-5)


def test_prior_is_that_of_a_standard_normal():
    params = {"a": jnp.asarray([1.0, -2.0]), "b": (jnp.asarray([[3.0]]),)}
    np.testing.assert_allclose(gaussian_prior(params), 7.0)
    values = np.array([1.0, -2.0, 3.0])
    constant = 3 * stats.norm.logpdf(0.0)
    np.testing.assert_allclose(gaussian_prior(params), constant - stats.norm.logpdf(values).sum(), rtol=1e-6)


def test_prior_leaves_permutations_alone():
    """A prior on the ranks of a permutation would move them, and exchange components in the middle of a training."""
    params = {"rank": jnp.arange(4.0), "kernel": jnp.ones(3)}
    gradient = jax.grad(gaussian_prior)(params)
    np.testing.assert_array_equal(gradient["rank"], 0.0)
    np.testing.assert_array_equal(gradient["kernel"], 1.0)
