"""The maximum mean discrepancy against closed forms and a double loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxunfold.errors import InputError
from jaxunfold.losses.kernels import KERNELS, breit_wigner_kernel
from jaxunfold.losses.mmd import (
    mmd_of_components,
    mmd_of_observables,
    mmd_squared,
    mmd_to_normal,
    root,
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


def gaussian_mean_kernel(mu, var, width):
    """E k(x, y) of a Gaussian kernel, where x - y is normal with this mean and variance."""
    return width / np.sqrt(width**2 + var) * np.exp(-0.5 * mu**2 / (width**2 + var))


@pytest.mark.parametrize("unbiased", [False, True])
def test_gaussians_in_closed_form(x64, unbiased):
    """Mean of the estimator over 400 pairs of samples of 50: the closed form, and the bias of the biased one.

    The mean of 400 estimates is compared within four of its standard errors: false alarm 6e-5.
    """
    n, shift, scale, width = 50, 0.7, 1.5, 0.8
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(400, n)), shift + scale * rng.normal(size=(400, n))

    def one(x, y):
        return mmd_squared(x, y, (width,), kernel="gaussian", unbiased=unbiased)

    found = np.asarray(jax.vmap(one)(jnp.asarray(x), jnp.asarray(y)))
    same = [gaussian_mean_kernel(0.0, 2 * s**2, width) for s in (1.0, scale)]
    expected = sum(same) - 2 * gaussian_mean_kernel(shift, 1 + scale**2, width)
    if not unbiased:
        expected += (2 - sum(same)) / n  # a pair of an event with itself counts 1 in place of the mean
    assert abs(found.mean() - expected) < 4 * found.std() / 20


@pytest.mark.parametrize(("kernel", "dim"), list(zip(KERNELS, (0, 2))))
def test_blocks_change_nothing(x64, kernel, dim):
    """37 and 23 rows in blocks of 8, weights of either sign: value and gradient as in one piece."""
    rng = np.random.default_rng(6)
    shape = (dim,) if dim else ()
    x, y = (jnp.asarray(rng.normal(size=(n, *shape))) for n in (37, 23))
    a, b = jnp.asarray(rng.uniform(-0.2, 1, 37)), jnp.asarray(rng.uniform(0, 1, 23))

    def loss(block):
        return lambda x: mmd_squared(x, y, (0.3, 2.0), a, b, kernel=kernel, unbiased=True, block=block)

    (one, slope), (many, slopes) = (jax.value_and_grad(loss(block))(x) for block in (100, 8))
    np.testing.assert_allclose(many, one, rtol=1e-12)
    np.testing.assert_allclose(slopes, slope, rtol=1e-9, atol=1e-14)


def test_root_has_a_gradient_everywhere():
    value, slope = jax.vmap(jax.value_and_grad(root))(jnp.asarray([-1e-3, 0.0, 0.25]))
    np.testing.assert_allclose(value, [0, 0, 0.5])
    np.testing.assert_allclose(slope, [0, 0, 1])
