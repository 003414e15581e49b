"""Chi-squared, the bottom line and pulls in closed form and on experiments whose answer is known."""

import numpy as np
import pytest
from scipy.stats import chi2 as chi2_distribution

from jaxunfold.binned import inversion
from jaxunfold.data import toys
from jaxunfold.errors import InputError
from jaxunfold.metrics.goodness import bottom_line, chi2, pulls, refolded_chi2


def test_chi2_by_hand():
    """[1, 2] with variances 1 and 4 and correlation 1/2: (1 + 1 - 2 * 0.5) / (1 - 0.25) = 4/3."""
    found = chi2(np.array([1.0, 2.0]), np.array([[1.0, 1.0], [1.0, 4.0]]))
    np.testing.assert_allclose(found.value, 4 / 3, rtol=1e-12)
    assert found.ndf == 2
    np.testing.assert_allclose(found.probability, chi2_distribution.sf(4 / 3, 2))


def test_chi2_of_a_singular_covariance_has_its_rank():
    """Two bins of fixed sum: one degree of freedom; an empty bin has none."""
    covariance = np.array([[4.0, -4.0, 0.0], [-4.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    found = chi2(np.array([2.0, -2.0, 0.0]), covariance)
    assert found.ndf == 1
    np.testing.assert_allclose(found.value, 1.0, rtol=1e-9)


def test_bottom_line_holds_for_inversion_and_breaks_for_a_small_covariance():
    """As many bins, Poisson errors of the data: inversion is a change of variables, both chi-squared are equal where
    the errors are those of the same expectation; half the errors break it."""
    toy = toys.binned(8, 8, 0.7, smearing=0.05, total=1e5)
    wrong = toy.truth * np.linspace(0.97, 1.03, 8)
    matrix = inversion.invert(toy.response, np.diag(toy.data))
    counts, covariance = inversion.apply(matrix, toy.data, np.diag(toy.response @ wrong))
    test = bottom_line(toy.response, wrong, toy.data, counts, covariance)
    np.testing.assert_allclose(test.unfolded.value, test.measured.value, rtol=1e-6)
    assert not bottom_line(toy.response, wrong, toy.data, counts, covariance / 4).holds


def test_refolded_chi2_of_the_truth_is_chi2_distributed():
    """Mean of 400 values is n_reco to sqrt(2 * 20 / 400) = 0.32; five standard errors, false alarm 6e-7."""
    toy = toys.binned(20, 10)
    rng = np.random.default_rng(0)
    values = [refolded_chi2(toy.response, toy.truth, rng.poisson(toy.response @ toy.truth)).value for _ in range(400)]
    np.testing.assert_allclose(np.mean(values), 20, atol=1.6)


def test_pulls_of_normal_experiments():
    """20,000 experiments of 3 bins: mean to 0.007, width to 0.005, coverage to 0.0033; six standard errors over
    12 numbers have a false-alarm rate of 2e-8."""
    rng = np.random.default_rng(0)
    truth, error = np.array([10.0, 20.0, 30.0]), np.array([1.0, 2.0, 4.0])
    found = pulls(rng.normal(truth + np.array([0, 1, 0]), error * [1, 1, 0.5], (20000, 3)), error, truth)
    np.testing.assert_allclose(found.mean, [0, 0.5, 0], atol=0.043)
    np.testing.assert_allclose(found.width, [1, 1, 0.5], atol=0.03)
    np.testing.assert_allclose(found.coverage_68[[0, 2]], [0.6827, 0.9545], atol=0.02)
    np.testing.assert_allclose(found.coverage_95[0], 0.95, atol=0.01)
    np.testing.assert_allclose(found.average()["mean"], 0.5 / 3, atol=0.025)


def test_refusals():
    with pytest.raises(InputError, match="at least 2 experiments, found 1"):
        pulls(np.ones((1, 2)), np.ones(2), np.ones(2))
    with pytest.raises(InputError, match="positive numbers, found 0"):
        pulls(np.ones((2, 2)), np.zeros(2), np.ones(2))
    with pytest.raises(InputError, match="rank above 2, found 2"):
        chi2(np.ones(2), np.eye(2), constraints=2)
