"""The maximum mean discrepancy against closed forms and a double loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxunfold.errors import InputError
from jaxunfold.losses.mmd import (
    breit_wigner_kernel,
    mmd_of_components,
    mmd_of_observables,
    mmd_squared,
    mmd_to_normal,
)


def test_kernel_in_numbers():
    np.testing.assert_allclose(breit_wigner_kernel(jnp.asarray([0.0, 2.0, 4.0]), 2.0), [1.0, 0.5, 0.2], rtol=1e-6)


def test_two_points():
    """One point each, 3 apart: 1 + 1 - 2 w^2 / (9 + w^2), summed over widths 1 and 3."""
    found = mmd_squared(jnp.asarray([5.0]), jnp.asarray([8.0]), (1.0, 3.0))
    np.testing.assert_allclose(found, (2 - 2 / 10) + (2 - 2 * 9 / 18), rtol=1e-6)


def test_zero_for_equal_samples():
    x = jnp.asarray(np.random.default_rng(0).normal(80, 2, 100), jnp.float32)
    assert abs(mmd_squared(x, x[::-1], (2.0, 8.0))) < 1e-6


@pytest.mark.parametrize("negative", [False, True])
def test_against_a_double_loop(x64, negative):
    rng = np.random.default_rng(1)
    x, y, widths = rng.normal(80, 2, 12), rng.normal(82, 3, 9), (2.0, 8.0)
    a, b = rng.uniform(0.5, 2, 12), rng.uniform(0.5, 2, 9)
    if negative:
        a[3], b[5] = -0.7, -0.2
    p, q = a / a.sum(), b / b.sum()
    total = 0.0
    for w in widths:
        total += sum(p[i] * p[j] * w**2 / ((x[i] - x[j]) ** 2 + w**2) for i in range(12) for j in range(12))
        total += sum(q[i] * q[j] * w**2 / ((y[i] - y[j]) ** 2 + w**2) for i in range(9) for j in range(9))
        total -= 2 * sum(p[i] * q[j] * w**2 / ((x[i] - y[j]) ** 2 + w**2) for i in range(12) for j in range(9))
    found = mmd_squared(*(jnp.asarray(v) for v in (x, y)), widths, jnp.asarray(a), jnp.asarray(b))
    np.testing.assert_allclose(found, total, rtol=1e-10)


def test_gradient_points_towards_the_target():
    """Samples too low are pushed up: the loss falls with x."""
    x, y = jnp.asarray([78.0, 79.0]), jnp.asarray([80.0, 81.0])
    assert np.all(jax.grad(mmd_squared)(x, y, (2.0,)) < 0)
    assert np.isfinite(jax.grad(mmd_squared)(y, y, (2.0,))).all()


def test_components_equal_a_loop_over_them(x64):
    rng = np.random.default_rng(2)
    x, y, widths = rng.normal(size=(12, 3)), rng.normal(1, 2, (9, 3)), (0.2, 1.0)
    a, b = jnp.asarray(rng.uniform(0.5, 2, 12)), jnp.asarray(rng.uniform(0.5, 2, 9))
    x, y = jnp.asarray(x), jnp.asarray(y)
    expected = [mmd_squared(x[:, i], y[:, i], widths, a, b) for i in range(3)]
    np.testing.assert_allclose(mmd_of_components(x, y, widths, a, b), expected, rtol=1e-12)

    def total(x):
        return jnp.sum(mmd_of_components(x, y, widths, a, b))

    def by_loop(x):
        return sum(mmd_squared(x[:, i], y[:, i], widths, a, b) for i in range(3))

    np.testing.assert_allclose(jax.jit(jax.grad(total))(x), jax.jit(jax.grad(by_loop))(x), rtol=1e-10)


def test_normal_quantiles_are_normal_and_others_are_not(x64):
    nodes = stats.norm.ppf((np.arange(200) + 0.5) / 200)
    rng = np.random.default_rng(3)
    x = jnp.asarray(np.stack([rng.permutation(nodes), 0.5 * nodes, nodes + 1], -1))
    found = mmd_to_normal(x, (0.3, 1.0))
    assert abs(found[0]) < 1e-12
    np.testing.assert_allclose(found[1], mmd_squared(x[:, 1], jnp.asarray(nodes), (0.3, 1.0)), rtol=1e-10)
    assert found[1:].min() > 0.01
    # no noise at all is nothing to compare, and adds nothing
    assert mmd_to_normal(x[:, :0], (0.3, 1.0)).shape == (0,)


def test_observables_add_up_and_unknown_ones_are_refused():
    one, two = {"a": jnp.asarray([5.0]), "b": jnp.asarray([1.0])}, {"a": jnp.asarray([8.0]), "b": jnp.asarray([1.0])}
    found = mmd_of_observables(one, two, ("a", "b"), (1.0, 3.0), jnp.ones(1))
    np.testing.assert_allclose(found, (2 - 2 / 10) + (2 - 2 * 9 / 18), rtol=1e-6)
    with pytest.raises(InputError, match=r"mmd_observables: expected names among \('a', 'b'\), found 'm_zz'"):
        mmd_of_observables(one, two, ("m_zz",), (1.0,), jnp.ones(1))
