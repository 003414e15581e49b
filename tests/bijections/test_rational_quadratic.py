"""The spline of one variable: closed form, derivative, monotonicity, behaviour at knots and outside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.bijections.rational_quadratic import Bin, evaluate_bin, invert_bin, spline

BOUND, BINS = 3.0, 6


@pytest.fixture(scope="module")
def theta():
    return np.random.default_rng(0).normal(0, 1.5, (50, 3 * BINS - 1))


def test_golden_value(x64):
    """Durkan et al. Eqs. (4), (5) in the unit bin, slopes 2 and 1/2, at 1/2: y = 3/4 / (9/8), y' = 8/9."""
    unit = Bin(*(jnp.asarray(v) for v in (0.0, 1.0, 0.0, 1.0, 2.0, 0.5)))
    y, log_derivative = evaluate_bin(jnp.asarray(0.5), unit)
    np.testing.assert_allclose([y, jnp.exp(log_derivative)], [2 / 3, 8 / 9], rtol=1e-14)
    x, inverse_log_derivative = invert_bin(y, unit)
    np.testing.assert_allclose([x, jnp.exp(inverse_log_derivative)], [0.5, 9 / 8], rtol=1e-12)


def test_a_bin_of_equal_slopes_is_a_line(x64):
    line = Bin(*(jnp.asarray(v) for v in (-1.0, 2.0, 3.0, 4.0, 2.0, 2.0)))
    x = jnp.linspace(-1.0, 1.0, 9)
    y, log_derivative = jax.vmap(lambda v: evaluate_bin(v, line))(x)
    np.testing.assert_allclose(y, 5 + 2 * x, rtol=1e-14)
    np.testing.assert_allclose(log_derivative, np.log(2), rtol=1e-13)


def test_derivative_round_trip_and_monotone(x64, theta):
    x = jnp.linspace(-1.2 * BOUND, 1.2 * BOUND, 400)

    def everything(x, theta):
        f = lambda v: spline(v, theta, BOUND)[0]  # noqa: E731
        y, log_derivative = spline(x, theta, BOUND)
        back, inverse = spline(y, theta, BOUND, inverse=True)
        return y, log_derivative, back, inverse, jax.grad(f)(x)

    run = jax.jit(jax.vmap(jax.vmap(everything, (0, None)), (None, 0)))
    y, log_derivative, back, inverse, gradient = run(x, jnp.asarray(theta))
    np.testing.assert_allclose(jnp.exp(log_derivative), gradient, rtol=1e-10)
    np.testing.assert_allclose(back, np.broadcast_to(x, back.shape), atol=1e-10)
    np.testing.assert_allclose(inverse, -log_derivative, atol=1e-8)
    assert np.all(np.diff(y, axis=1) > 0)
    outside = np.abs(np.asarray(x)) >= BOUND
    np.testing.assert_array_equal(y[:, outside], np.broadcast_to(x[outside], y[:, outside].shape))
    np.testing.assert_array_equal(log_derivative[:, outside], 0.0)


def test_value_and_derivative_are_continuous_at_knots(x64, theta):
    """Knots are where a bin's number changes: steps of 1e-9 across them change y and y' by as little."""
    widths = 2 * BOUND * (1e-3 + (1 - 1e-3 * BINS) * jax.nn.softmax(theta[:, :BINS], axis=-1))
    knots = jnp.cumsum(widths, axis=1) - BOUND
    run = jax.jit(lambda x: spline(x, jnp.broadcast_to(theta[:, None], (50, BINS, 17)), BOUND))
    (y0, d0), (y1, d1) = run(knots - 1e-9), run(knots + 1e-9)
    np.testing.assert_allclose(y0, y1, atol=1e-5)
    np.testing.assert_allclose(d0, d1, atol=1e-4)


def test_zeros_are_the_identity():
    x = jnp.linspace(-4.0, 4.0, 33)
    y, log_derivative = spline(x, jnp.zeros((33, 3 * BINS - 1)), BOUND)
    np.testing.assert_allclose(y, x, atol=1e-6)
    np.testing.assert_allclose(log_derivative, 0.0, atol=2e-6)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("size", [1.0, 100.0])
def test_float32_stays_finite_and_comes_back(theta, inverse, size):
    """Parameters a hundred times too large: bins at their smallest, slopes at both ends."""
    x = jnp.linspace(-BOUND, BOUND, 200)
    many = jnp.broadcast_to(jnp.asarray(size * theta, jnp.float32)[:, None], (50, 200, 17))
    x = jnp.broadcast_to(x, (50, 200))

    def value_and_gradients(x, theta):
        y = spline(x, theta, BOUND, inverse=inverse)
        return y, jax.grad(lambda *a: jnp.sum(sum(spline(*a, BOUND, inverse=inverse))), (0, 1))(x, theta)

    (y, log_derivative), gradients = jax.jit(value_and_gradients)(x, many)
    assert all(np.isfinite(g).all() for g in gradients)
    assert np.all(np.abs(y) <= BOUND * (1 + 1e-6))
    if size == 1.0 and not inverse:
        back, _ = spline(y, many, BOUND, inverse=True)
        # the flat parts of the map amplify the rounding of y
        np.testing.assert_array_less(np.abs(back - x) / np.maximum(np.exp(-log_derivative), 1), 5e-6)


def test_number_of_parameters_is_checked():
    with pytest.raises(ValueError, match="expected 3 k - 1 spline parameters, got 7"):
        spline(jnp.zeros(()), jnp.zeros(7), 1.0)
