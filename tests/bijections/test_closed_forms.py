"""Bijections against what can be written down by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.bijections.affine import actnorm, glow_block, reversible_block
from jaxunfold.bijections.autoregressive import masked_autoregressive
from jaxunfold.bijections.planar import above_minus_one, planar
from jaxunfold.bijections.quantile_map import quantile_map
from jaxunfold.bijections.radial import radial
from jaxunfold.bijections.rational_quadratic import circular_spline
from jaxunfold.bijections.residual import log_det_series
from jaxunfold.bijections.root import increasing_root
from jaxunfold.bijections.rotation import lu, rotation

pytestmark = pytest.mark.usefixtures("quick_compile")


def moved(params, seed=0, scale=0.5):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: p + scale * rng.normal(size=p.shape).astype(p.dtype), params)


def test_planar_by_hand():
    """z = x + u tanh(w.x + b), det = 1 + u.w (1 - tanh^2): thesis Eqs. (1.15), (1.16)."""
    u, w, b = jnp.asarray([0.3, -0.2]), jnp.asarray([1.0, 0.5]), jnp.asarray(0.1)
    x = jnp.asarray([0.4, -1.0])
    height = np.tanh(0.4 - 0.5 + 0.1)
    z, log_det = planar(2, 1, constrained=False).forward(None, x, (u, w, b))
    np.testing.assert_allclose(z, [0.4 + 0.3 * height, -1.0 - 0.2 * height], rtol=1e-6)
    np.testing.assert_allclose(log_det, np.log(1 + 0.2 * (1 - height**2)), rtol=1e-5)


def test_constraint_keeps_a_slope():
    bounded = above_minus_one(jnp.asarray([-1e3, -5.0, 0.0, 7.0, 8.0]))
    np.testing.assert_allclose(bounded[0], -0.99, rtol=1e-6)
    np.testing.assert_allclose(bounded[2], 0.0, atol=1e-6)
    assert (jnp.diff(bounded) > 0).all()


def test_radial_by_hand():
    """r = 5 from the centre, beta / (alpha + r) = 2 / 6: every distance grows by a third; thesis Eq. (1.17)."""
    context = jnp.asarray([1.0, 0.0]), jnp.asarray(1.0), jnp.asarray(2.0)
    z, log_det = radial(2, 1).forward(None, jnp.asarray([4.0, 4.0]), context)
    np.testing.assert_allclose(z, [5.0, 16 / 3], rtol=1e-6)
    np.testing.assert_allclose(log_det, np.log(4 / 3) + np.log(1 + 2 / 36), rtol=1e-5)
    back, _ = radial(2, 1).inverse(None, z, context)
    np.testing.assert_allclose(back, [4.0, 4.0], rtol=1e-5)


def test_unconstrained_planar_and_radial_have_no_inverse():
    assert planar(3, 1, constrained=False).inverse is None
    assert radial(3, 1, constrained=False).inverse is None


def test_root_has_the_derivative_of_the_implicit_function():
    """x + k tanh(x) = y: dx/dk = -tanh(x) / (1 + k (1 - tanh^2 x)), also far out, where Newton alone would leave."""

    def solve(k, y):
        return increasing_root(lambda x: x + k * jnp.tanh(x) - y, y - jnp.abs(k), y + jnp.abs(k))

    for k, y in ((0.5, 0.3), (-0.9, 2.0), (40.0, 1.0)):
        x, slope = jax.value_and_grad(solve)(k, y)
        np.testing.assert_allclose(x + k * np.tanh(x), y, atol=1e-5)
        np.testing.assert_allclose(slope, -np.tanh(x) / (1 + k * (1 - np.tanh(x) ** 2)), rtol=1e-4)


def test_glow_block_is_two_couplings():
    """v1 = u1 exp(s2(u2)) + t2(u2), then v2 = u2 exp(s1(v1)) + t1(v1): thesis Eq. (2.22). Given the new
    first half the second is scaled elementwise."""
    block = glow_block(4, 1, hidden=4, layers=1)
    params = moved(jax.jit(block.init)(jax.random.key(0)))
    context = block.context(params, jnp.ones(1))
    x = jnp.asarray([0.3, -1.0, 0.5, 2.0])
    jacobian = jax.jacfwd(lambda v: block.forward(params, v, context)[0])(x)
    z, log_det = block.forward(params, x, context)
    first = jacobian[:2, :2]
    # the first half is scaled elementwise, and det of the whole is the product of all scales
    np.testing.assert_allclose(first, np.diag(np.diag(first)), atol=1e-7)
    schur = jacobian[2:, 2:] - jacobian[2:, :2] @ np.linalg.inv(first) @ jacobian[:2, 2:]
    np.testing.assert_allclose(schur, np.diag(np.diag(schur)), atol=1e-5)
    np.testing.assert_allclose(log_det, np.sum(np.log(np.diag(first))) + np.sum(np.log(np.diag(schur))), rtol=1e-4)
    assert not np.allclose(z, x)


def test_reversible_block_keeps_volume():
    block = reversible_block(4, 1, hidden=4, layers=1)
    params = moved(jax.jit(block.init)(jax.random.key(0)))
    z, log_det = block.forward(params, jnp.arange(4.0), block.context(params, jnp.ones(1)))
    assert log_det == 0
    assert not np.allclose(z, np.arange(4.0))


def test_masked_autoregressive_jacobian_is_triangular():
    flow = masked_autoregressive(4, 2, bins=4, hidden=8, layers=2, activation="tanh")
    params = moved(jax.jit(flow.init)(jax.random.key(0)))
    context = flow.context(params, jnp.ones(2))
    x = jnp.asarray([0.2, -0.7, 1.1, 0.4])
    jacobian = np.asarray(jax.jit(jax.jacfwd(lambda v: flow.forward(params, v, context)[0]))(x))
    np.testing.assert_array_equal(np.triu(jacobian, 1), 0)
    assert np.count_nonzero(np.tril(jacobian, -1)) == 6


def test_circle_closes_with_equal_slope():
    """f(-pi) = f(pi) modulo 2 pi and the same derivative; a turn of the argument is none of the value."""
    theta = jnp.asarray(np.random.default_rng(3).normal(size=(1, 3 * 5 + 1)), jnp.float32)
    ends = jnp.asarray([-np.pi, np.pi, 0.4, 0.4 + 2 * np.pi], jnp.float32)
    y, log_slope = circular_spline(ends, jnp.broadcast_to(theta, (4, 16)), np.pi)
    np.testing.assert_allclose(np.exp(1j * y[0]), np.exp(1j * y[1]), atol=1e-5)
    np.testing.assert_allclose(np.exp(1j * y[2]), np.exp(1j * y[3]), atol=1e-5)
    np.testing.assert_allclose(log_slope[0], log_slope[1], atol=1e-4)
    quarters = jnp.linspace(-np.pi, np.pi, 2001)
    slopes = jnp.exp(circular_spline(quarters, jnp.broadcast_to(theta, (2001, 16)), np.pi)[1])
    # the map winds around the circle once
    np.testing.assert_allclose(np.trapezoid(slopes, quarters), 2 * np.pi, rtol=1e-3)


def test_power_series_keeps_its_error_bound():
    """Thesis Eq. (1.24) for a matrix of spectral norm 0.6: the error is below d c^(k+1) / (1 - c) / (k + 1)."""
    matrix = np.random.default_rng(0).normal(size=(5, 5))
    matrix *= 0.6 / np.linalg.norm(matrix, 2)
    exact = np.linalg.slogdet(np.eye(5) + matrix)[1]
    for terms in (2, 5, 12):
        error = abs(float(log_det_series(jnp.asarray(matrix, jnp.float32), terms)) - exact)
        assert error <= 5 * 0.6 ** (terms + 1) / 0.4 / (terms + 1) + 1e-5


def test_first_batch_sets_actnorm_and_quantile_map():
    rng = np.random.default_rng(0)
    x = jnp.asarray(np.stack([rng.exponential(2.0, 4000), rng.uniform(5, 9, 4000)], axis=1), jnp.float32)
    for part, moments in ((actnorm(2), (0, 1)), (quantile_map(2, knots=33), (0, 1, 0))):
        params = part.start(part.init(jax.random.key(0)), x, None)
        z = np.asarray(jax.vmap(lambda v, part=part, params=params: part.forward(params, v, None)[0])(x))
        found = [np.mean(z, 0), np.var(z, 0), np.mean(z**3, 0)]
        for value, expected in zip(found, moments):
            np.testing.assert_allclose(value, expected, atol=0.1 if len(moments) > 2 else 1e-4)


@pytest.mark.parametrize("make", [rotation, lu])
def test_mixings_are_linear_and_rotations_keep_lengths(make):
    mixing = make(4)
    start = mixing.init(jax.random.key(1))
    params = {**moved(start), "rank": start["rank"]}
    x, y = jnp.asarray([1.0, -2.0, 0.5, 3.0]), jnp.asarray([0.3, 0.1, -1.0, 2.0])
    apply = lambda v: mixing.forward(params, v, None)[0]  # noqa: E731
    np.testing.assert_allclose(apply(x + 2 * y), apply(x) + 2 * apply(y), atol=1e-5)
    if make is rotation:
        np.testing.assert_allclose(jnp.linalg.norm(apply(x)), jnp.linalg.norm(x), rtol=1e-5)
