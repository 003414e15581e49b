"""Matrix inversion on the thesis's three bins, and what regularisation does to it."""

import numpy as np
import pytest

from jaxunfold.binned import inversion
from jaxunfold.data import toys
from jaxunfold.errors import InputError
from jaxunfold.methods.ibu import unfold_histogram

X = 0.01
MIGRATION = np.array([[1 - X, X, 0], [X, 1 - 2 * X, X], [0, X, 1 - X]])


def test_inverse_of_three_bins_is_global():
    """Thesis Eqs. (2.3) and (2.5): a local migration has an inverse that reaches all bins; corrections are x^2, and
    in the corners, themselves x^2, of order x^3."""
    expected = np.array([[1 - 3 * X, -X, X**2], [-X, 1 - 2 * X, -X], [X**2, -X, 1 - 3 * X]]) / (1 - 4 * X)
    found = inversion.invert(MIGRATION, np.eye(3))
    np.testing.assert_allclose(found, expected, atol=4 * X**2)
    np.testing.assert_allclose(found[0, 2], X**2, rtol=5 * X)
    np.testing.assert_allclose(found @ MIGRATION, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("n", [10.0, 1000.0])
def test_where_inversion_loses_information(n):
    """Thesis Eq. (2.4): a flat spectrum folds to itself; of 1, n, 0 migrates x (n - 1, 1 - 2n, n)."""
    np.testing.assert_allclose(MIGRATION @ np.full(3, n), np.full(3, n))
    truth = np.array([1.0, n, 0.0])
    folded = MIGRATION @ truth
    np.testing.assert_allclose(folded, truth + X * np.array([n - 1, 1 - 2 * n, n]), rtol=1e-12)
    counts, covariance = inversion.apply(inversion.invert(MIGRATION, np.diag(folded)), folded)
    np.testing.assert_allclose(counts, truth, atol=1e-9 * n)
    # the first bin's single event drowns in what the peak sent there
    assert (np.sqrt(covariance[0, 0]) > 3.0) == (n == 1000.0)


def test_generalised_least_squares_in_closed_form():
    response, _, data, _ = toys.binned(12, 6, 0.7)
    weight = np.diag(1 / data)
    expected = np.linalg.inv(response.T @ weight @ response)
    counts, covariance = inversion.apply(inversion.invert(response, np.diag(data)), data)
    np.testing.assert_allclose(covariance, expected, rtol=1e-8)
    np.testing.assert_allclose(counts, expected @ response.T @ weight @ data, rtol=1e-8)


def test_no_strength_is_inversion_and_all_of_it_the_priors_shape():
    response, _, data, truth = toys.binned(12, 6, 0.7)
    variance = np.diag(data)
    none = inversion.tikhonov(response, variance, truth, 0.0)
    np.testing.assert_allclose(none, inversion.invert(response, variance), rtol=1e-6, atol=1e-8)
    ratio = inversion.tikhonov(response, variance, truth, 1e9) @ data / truth
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-4)


def test_regularisation_trades_variance_for_bias():
    """Wide smearing: regularised variances below a twentieth of inversion's, a bias below a tenth of the peak."""
    response, _, data, truth = toys.binned(20, 10, 0.7, smearing=0.15)
    variance, prior = np.diag(data), truth * np.linspace(0.8, 1.2, 10)
    plain = inversion.apply(inversion.invert(response, variance), data)[1]
    for matrix in (inversion.svd(response, variance, prior, 4), inversion.tikhonov(response, variance, prior, 1.0)):
        counts, covariance = inversion.apply(matrix, data)
        assert np.trace(covariance) < 0.05 * np.trace(plain)
        np.testing.assert_array_less(np.abs(counts - truth), 0.1 * truth.max())


def test_ranks_release_the_data_one_by_one():
    """With every rank more the variance grows; many iterations of Bayes approach inversion, too."""
    response, prior, data, _ = toys.binned(12, 6, 0.7, smearing=0.05)
    variance = np.diag(data)
    traces = [
        np.trace(inversion.apply(inversion.svd(response, variance, prior, rank), data)[1]) for rank in range(1, 7)
    ]
    assert (np.diff(traces) > 0).all()
    plain, _ = inversion.apply(inversion.invert(response, response @ prior * np.eye(12)), response @ (1e4 * prior))
    np.testing.assert_allclose(unfold_histogram(response, prior, response @ (1e4 * prior), 3).counts[-1], plain)


def test_refusals():
    with pytest.raises(InputError, match="as many reco as truth bins, found 2 and 3"):
        inversion.invert(np.ones((2, 3)), np.eye(2))
    with pytest.raises(InputError, match="singular"):
        inversion.invert(np.ones((3, 3)) / 3, np.eye(3))
    with pytest.raises(InputError, match="positive definite"):
        inversion.invert(np.eye(3), np.diag([1.0, 0.0, 1.0]))
    with pytest.raises(InputError, match="rank: expected 1 to 3, found 4"):
        inversion.svd(np.eye(3), np.eye(3), np.ones(3), 4)
