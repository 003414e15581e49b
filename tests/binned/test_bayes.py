"""Response matrices that finite statistics allows, and stopping rules."""

import jax
import numpy as np
import pytest

from jaxunfold.binned import bayes, stopping
from jaxunfold.data import toys
from jaxunfold.errors import InputError
from jaxunfold.methods.ibu import unfold_histogram


def test_sampled_responses_have_the_dirichlets_moments():
    """Mean alpha / A and variance alpha (A - alpha) / (A^2 (A + 1)); 20,000 samples know a mean to sigma / 141 and a
    variance to one per cent: six standard errors over 16 numbers are exceeded by chance with probability 3e-8."""
    counts = np.array([[30.0, 2.0], [10.0, 0.0], [0.0, 48.0], [5.0, 20.0]])
    missed = np.array([15.0, 30.0])
    found = np.asarray(jax.jit(bayes.sample_response, static_argnums=3)(jax.random.key(0), counts, missed, 20000))
    fates = np.concatenate([counts, missed[None]])
    alpha = np.where(fates > 0, fates + 1 / (fates > 0).sum(axis=0), 0)
    total = alpha.sum(axis=0)
    variance = alpha * (total - alpha) / (total**2 * (total + 1))
    np.testing.assert_array_less(np.abs(found.mean(0) - (alpha / total)[:4]), 6 * np.sqrt(variance[:4]) / 141 + 1e-9)
    np.testing.assert_allclose(found.var(0)[fates[:4] > 0], variance[:4][fates[:4] > 0], rtol=0.08)
    np.testing.assert_array_equal(found[:, fates[:4] == 0], 0)
    assert (found.sum(axis=1) < 1).all()


def test_global_correlation_of_two_bins_is_their_correlation():
    covariance = np.array([[[4.0, 0.6], [0.6, 1.0]], [[4.0, -1.6], [-1.6, 1.0]]])
    np.testing.assert_allclose(stopping.global_correlation(covariance), [0.3, 0.8], rtol=1e-12)
    assert stopping.stop_by_correlation(covariance) == 1
    with pytest.raises(InputError, match="minimum of the average global correlation within 2, found it falling"):
        stopping.stop_by_correlation(covariance[::-1])


def test_stopping_by_change():
    """Bins move by 1, 0.5, 0.05 errors: the third step is the first below a tenth, made by iteration 4."""
    counts = np.cumsum([[0.0], [1.0], [0.5], [0.05]], axis=0)
    covariance = np.ones((4, 1, 1))
    assert stopping.stop_by_change(counts, covariance) == 4
    with pytest.raises(InputError, match=r"less than 0\.01 of its error, found 0\.05 after 4"):
        stopping.stop_by_change(counts, covariance, 0.01)


def test_rules_stop_between_the_prior_and_the_fluctuations():
    response, prior, data, truth = toys.binned(20, 10, 0.7, smearing=0.06)
    counts, covariance = unfold_histogram(response, prior, data, 60)
    distance = np.sqrt(np.mean((counts - truth) ** 2 / truth, axis=1))
    for stop in (stopping.stop_by_correlation(covariance), stopping.stop_by_change(counts, covariance)):
        assert 1 <= stop < 60
        assert distance[stop - 1] < 0.5 * distance[0]
