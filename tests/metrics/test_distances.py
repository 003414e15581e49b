"""Distances against closed forms and scipy."""

import numpy as np
import pytest
from scipy import stats

from jaxunfold.metrics import distances
from jaxunfold.metrics.quantiles import median_and_width, shortest_half, weighted_quantile


@pytest.fixture
def samples():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=500), 1.3 * rng.normal(size=700) + 0.2
    return x, y, rng.uniform(0.1, 2, 500), rng.uniform(0.1, 2, 700)


def test_wasserstein_of_a_shift_is_the_shift():
    x = np.random.default_rng(0).normal(size=1000)
    np.testing.assert_allclose(distances.wasserstein(x, x + 0.75), 0.75, rtol=1e-12)


def test_wasserstein_of_a_scaled_uniform():
    x = (np.arange(2000) + 0.5) / 2000
    np.testing.assert_allclose(distances.wasserstein(x, 2 * x), 0.5, rtol=1e-9)


def test_weighted_wasserstein_is_scipys(samples):
    x, y, wx, wy = samples
    expected = stats.wasserstein_distance(x, y, wx, wy)
    np.testing.assert_allclose(distances.wasserstein(x, y, wx, wy), expected, rtol=1e-10)


def test_ks_is_scipys_also_with_ties(samples):
    x, y, _, _ = samples
    for a, b in ((x, y), (np.round(x, 1), np.round(y, 1))):
        np.testing.assert_allclose(distances.kolmogorov_smirnov(a, b), stats.ks_2samp(a, b).statistic)


def test_integer_weights_are_repetitions(samples):
    x, y, _, _ = samples
    repeat = np.random.default_rng(1).integers(1, 4, len(x))
    many, w = np.repeat(x, repeat), repeat.astype(float)
    edges = np.linspace(-2, 2, 9)
    for f in (distances.wasserstein, distances.kolmogorov_smirnov):
        np.testing.assert_allclose(f(many, y), f(x, y, w))
    np.testing.assert_allclose(distances.triangular(many, y, edges=edges), distances.triangular(x, y, w, edges=edges))


def test_a_negative_weight_cancels_its_twin(samples):
    x, y, _, _ = samples
    padded, w = np.append(x, [9.0, 9.0]), np.append(np.ones(len(x)), [1.0, -1.0])
    for f in (distances.wasserstein, distances.kolmogorov_smirnov):
        np.testing.assert_allclose(f(padded, y, w), f(x, y), rtol=1e-9)


def test_triangular_golden_value():
    # p = (1/4, 3/4), q = (1/2, 1/2) in bins of width one: 500 * ((1/16) / (3/4) + (1/16) / (5/4))
    x, y = np.array([0.5, 1.5, 1.5, 1.5]), np.array([0.5, 1.5])
    expected = 500 * (1 / 12 + 1 / 20)
    np.testing.assert_allclose(distances.triangular(x, y, edges=np.array([0.0, 1, 2])), expected)
    # the densities' definition does not depend on the unit
    scaled = distances.triangular(10 * x, 10 * y, edges=np.array([0.0, 10, 20]))
    np.testing.assert_allclose(scaled, expected)


def test_triangular_bounds():
    x = np.linspace(0, 1, 100)
    edges = np.array([0.0, 1.5, 4.0])
    np.testing.assert_allclose(distances.triangular(x, x + 2, edges=edges), 1000)
    assert distances.triangular(x, x) == 0


def test_histogram_edges_of_a_constant_have_a_width():
    assert np.all(np.diff(distances.histogram_edges(np.full(10, 3.0))) > 0)


def test_weighted_quantile_is_numpys_hazen(samples):
    x, _, _, _ = samples
    q = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(weighted_quantile(x, q), np.quantile(x, q, method="hazen"))


def test_median_width_and_mode_of_a_breit_wigner():
    # quantile function of a Breit-Wigner: m + (Gamma / 2) tan(pi (u - 1/2))
    u = (np.arange(20_001) + 0.5) / 20_001
    x = 80.4 + 1.05 * np.tan(np.pi * (u - 0.5))
    median, width = median_and_width(x)
    np.testing.assert_allclose([median, width], [80.4, 1.05 * np.tan(0.34 * np.pi)], rtol=1e-6)
    np.testing.assert_allclose(shortest_half(x), 80.4, atol=0.01)
    # the shortest half ignores a tail that moves the median
    tail = np.concatenate([x, np.linspace(85, 120, 6000)])
    assert abs(shortest_half(tail) - 80.4) < 0.4 < median_and_width(tail)[0] - 80.4
