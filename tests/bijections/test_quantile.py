"""Gaussianising maps from training quantiles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxunfold.bijections import quantile


@pytest.fixture(scope="module")
def training():
    """An exponential, a narrow peak with tails, a uniform angle, two values only."""
    rng = np.random.default_rng(0)
    n = 20_000
    peak = 80 + 2 * rng.standard_cauchy(n).clip(-15, 15)
    columns = [rng.exponential(3.0, n), peak, rng.uniform(-np.pi, np.pi, n), rng.integers(0, 2, n)]
    return np.stack(columns, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(training):
    return quantile.fit_quantiles(training)


@jax.jit
def there_and_back(q, x):
    def one(x):
        z, log_derivative = quantile.to_normal(q, x)
        back, inverse = quantile.from_normal(q, z)
        gradient = jnp.diagonal(jax.jacfwd(lambda v: quantile.to_normal(q, v)[0])(x))
        return z, log_derivative, back, inverse, gradient

    return jax.vmap(one)(x)


def test_round_trip_and_derivative_in_float32(fitted, training):
    z, log_derivative, back, inverse, gradient = there_and_back(fitted, jnp.asarray(training[:2000]))
    scale = training.std(axis=0)
    np.testing.assert_array_less(np.abs(back - training[:2000]) / scale, 2e-4)
    np.testing.assert_allclose(np.exp(log_derivative), gradient, rtol=1e-3)
    np.testing.assert_allclose(inverse[:, :3], -log_derivative[:, :3], atol=2e-2)
    assert np.isfinite(z).all()


def test_round_trip_and_derivative_in_float64(x64, fitted, training):
    q = jax.tree.map(lambda a: a.astype(jnp.float64), fitted)
    x = jnp.asarray(training[:500, :3], jnp.float64) + 1e-3
    q = quantile.Quantiles(*(a[:3] for a in q))
    _, log_derivative, back, inverse, gradient = there_and_back(q, x)
    np.testing.assert_allclose(back, x, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(jnp.exp(log_derivative), gradient, rtol=1e-10)
    np.testing.assert_allclose(inverse, -log_derivative, atol=1e-8)


def test_fresh_events_become_normal(fitted):
    """KS of 5000 fresh events against the normal. The map knows 20000 events, so the distance is that of two
    samples: above the bound with probability below 1e-4 for each of three coordinates."""
    rng = np.random.default_rng(1)
    n = 5000
    peak = 80 + 2 * rng.standard_cauchy(n).clip(-15, 15)
    x = np.stack([rng.exponential(3.0, n), peak, rng.uniform(-np.pi, np.pi, n), np.zeros(n)], 1)
    z = there_and_back(fitted, jnp.asarray(x, jnp.float32))[0]
    bound = np.sqrt(-np.log(1e-4 / 2) / 2 * (1 / n + 1 / 20_000))
    for i in range(3):
        assert stats.kstest(np.asarray(z[:, i]), "norm").statistic < bound


def test_tails_are_straight_lines(fitted):
    x = jnp.asarray(fitted.x[:, -1:] + jnp.asarray([1.0, 2.0, 3.0]), jnp.float32).T
    z, log_derivative, back, _, _ = there_and_back(fitted, x)
    np.testing.assert_allclose(np.diff(z, axis=0), np.broadcast_to(fitted.slope[:, -1], (2, 4)), rtol=1e-2)
    np.testing.assert_allclose(log_derivative, np.broadcast_to(np.log(fitted.slope[:, -1]), (3, 4)), rtol=1e-6)
    np.testing.assert_allclose(back, x, rtol=1e-4)


def test_map_is_monotone_through_its_knots(fitted):
    assert np.all(np.diff(fitted.x, axis=1) > 0)
    x = jnp.linspace(-20.0, 120.0, 3000)[:, None] * jnp.ones(4)
    assert np.all(np.diff(there_and_back(fitted, x)[0], axis=0)[:, [0, 1, 2]] >= 0)
    z, _ = jax.vmap(lambda x: quantile.to_normal(fitted, x))(fitted.x[:, 3:-3].T)
    np.testing.assert_allclose(z[:, :3], fitted.z[:3, 3:-3].T, atol=1e-3)


def test_weights(training):
    """Weights exp(x / 2 - 1 / 8) turn N(0, 1) into N(1/2, 1); the median's error from 20000 events is 0.01:
    0.05 is five standard deviations."""
    x = np.random.default_rng(3).normal(size=(20_000, 1)).astype(np.float32)
    weight = np.exp(0.5 * x[:, 0] - 0.125).astype(np.float64)
    q = quantile.fit_quantiles(x, weight)
    z, _ = jax.vmap(lambda v: quantile.to_normal(q, v))(jnp.asarray([[0.5], [1.5], [-0.5]]))
    np.testing.assert_allclose(z[:, 0], [0.0, 1.0, -1.0], atol=0.05)
    scaled = quantile.fit_quantiles(x, 3 * weight)
    np.testing.assert_allclose(scaled.x, q.x, rtol=1e-6)
    plain, ones = quantile.fit_quantiles(x), quantile.fit_quantiles(x, np.ones(len(x)))
    np.testing.assert_array_equal(plain.x, ones.x)


def test_negative_weights_are_subtracted():
    """A sample of N(0, 1) plus a contamination that is there once with weight 1 and once with -1."""
    rng = np.random.default_rng(4)
    good, bad = rng.normal(size=20_000), rng.normal(3, 0.5, 4000)
    x = np.concatenate([good, bad, bad])[:, None].astype(np.float32)
    weight = np.concatenate([np.ones(24_000), -np.ones(4000)])
    q = quantile.fit_quantiles(x, weight)
    z, _ = jax.vmap(lambda v: quantile.to_normal(q, v))(jnp.asarray([[-1.0], [0.0], [1.0]]))
    np.testing.assert_allclose(z[:, 0], [-1, 0, 1], atol=0.06)


def test_repeated_large_values_in_float32():
    """Two values a unit apart on top of 1e5, where float32 resolves 1/128."""
    x = (1e5 + np.arange(1000)[:, None] % 2).astype(np.float32)
    q = quantile.fit_quantiles(x)
    z, log_derivative, back, _, _ = there_and_back(q, jnp.asarray(x[:10]))
    assert np.isfinite(z).all()
    assert np.isfinite(log_derivative).all()
    np.testing.assert_allclose(back, x[:10], atol=0.5)


def test_standard_is_a_straight_line(training):
    q = quantile.fit_standard(training)
    z, log_derivative, back, _, _ = there_and_back(q, jnp.asarray(training[:300]))
    expected = (training[:300] - training.mean(0)) / training.std(0)
    np.testing.assert_allclose(z, expected, atol=1e-3)
    np.testing.assert_allclose(log_derivative, np.broadcast_to(-np.log(training.std(0)), (300, 4)), atol=1e-3)
    np.testing.assert_allclose(back, training[:300], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("fit", [quantile.fit_quantiles, quantile.fit_standard])
def test_a_constant_coordinate_is_refused(fit):
    x = np.stack([np.linspace(0, 1, 100), np.full(100, 7.0)], axis=1)
    with pytest.raises(ValueError, match="coordinate 1: expected at least two values"):
        fit(x)
