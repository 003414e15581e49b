"""Covariances of bins: the Poisson bootstrap in closed form against replicas, and parts that add up."""

import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.metrics import covariance

EDGES = np.array([-1.0, -0.2, 0.3, 2.0])


def test_a_histogram_has_poisson_errors():
    """One value an event: variances are sums of squared weights, nothing is correlated."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=500), rng.uniform(-0.5, 2, 500)
    expected = np.diag(np.histogram(x, EDGES, weights=w**2)[0])
    np.testing.assert_allclose(covariance.data_covariance(x, w, EDGES), expected, atol=1e-12)
    counts = covariance.data_covariance(x, 1.0, EDGES)
    np.testing.assert_allclose(np.diag(counts), np.histogram(x, EDGES)[0])


@pytest.mark.parametrize("chunk", [10, 1_000_000])
def test_draws_of_an_event_are_correlated_as_in_a_bootstrap(monkeypatch, chunk):
    """4,000 replicas: the standard error of an element is below 0.03 of the largest; 5 of them."""
    monkeypatch.setattr(covariance, "CHUNK", chunk)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 1)) + 0.4 * rng.normal(size=(200, 7))
    w = rng.uniform(0.5, 1.5, (200, 7)) / 7
    exact = covariance.data_covariance(x, w, EDGES)
    counts = rng.poisson(1.0, (4000, 200))
    spectra = np.stack([covariance.spectrum(x, c[:, None] * w, EDGES) for c in counts])
    found = covariance.replica_covariance(spectra)
    np.testing.assert_allclose(found, exact, atol=5 * 0.03 * exact.max())
    assert exact[0, 1] > 0.1 * exact[0, 0]
    # values on the last edge are in the last bin, those beyond in none
    edge = covariance.data_covariance(np.array([2.0, 2.1, np.nan]), 1.0, EDGES)
    np.testing.assert_array_equal(edge, np.diag([0.0, 0.0, 1.0]))


def test_parts_add_up_and_a_variation_moves_all_bins_together():
    nominal, by = np.array([10.0, 20.0]), np.array([1.0, -2.0])
    shift = covariance.variation_covariance(nominal, nominal + by, nominal - by)
    np.testing.assert_allclose(shift, [[1, -2], [-2, 4]])
    found = covariance.combine({"data": np.diag([10.0, 20.0]), "model": shift}, np.arange(3.0))
    np.testing.assert_allclose(found["total"], [[11, -2], [-2, 24]])
    assert set(found["parts"]) == {"data", "model"}


def test_refusals():
    with pytest.raises(InputError, match="at least 2 replicas, found 1"):
        covariance.replica_covariance(np.ones((1, 3)))
    with pytest.raises(InputError, match="at least one alternative"):
        covariance.variation_covariance(np.ones(3))
    with pytest.raises(InputError, match="data: expected a covariance of 2 x 2 bins"):
        covariance.combine({"data": np.eye(3)}, np.arange(3.0))
    with pytest.raises(InputError, match="data: expected a symmetric"):
        covariance.combine({"data": np.array([[1.0, 2.0], [0.0, 1.0]])}, np.arange(3.0))
