"""What makes flows invertible: the contractive network's bound on its slope, the masked network's order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.bijections.planar import planar
from jaxunfold.bijections.radial import radial
from jaxunfold.networks.contractive import contractive, spectral_bound
from jaxunfold.networks.masked import autoregressive

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.mark.parametrize("shape", [(5, 64), (64, 64), (64, 5), (3, 1)])
def test_bound_is_above_the_spectral_norm_and_near_it(shape):
    """Between the largest singular value and n^(1/32) times it, whatever the scale."""
    matrix = np.random.default_rng(0).normal(size=shape)
    norm = np.linalg.norm(matrix, 2)
    for scale in (1e-6, 1.0, 1e6):
        ratio = float(spectral_bound(jnp.asarray(scale * matrix, jnp.float32))) / (scale * norm)
        assert 1 - 1e-5 <= ratio <= min(shape) ** (1 / 32) + 1e-5


def large(params, scale, seed=1):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: (scale * rng.normal(size=p.shape)).astype(p.dtype), params)


@pytest.mark.parametrize("activation", ["relu", "silu", "gelu", "tanh"])
def test_slope_of_a_contractive_network_keeps_its_bound(activation):
    """Also with weights far too large, at many places; with small ones it is not needlessly flat."""
    net = contractive(4, 2, lipschitz=0.8, hidden=16, activation=activation)
    params = net.init(jax.random.key(0))

    @jax.jit
    def slopes(params, x):
        weights, context = net.scaled(params), net.context(params, jnp.ones(2))
        return jax.vmap(jax.jacfwd(lambda v: net.apply(weights, v, context)))(x)

    x = jnp.asarray(3 * np.random.default_rng(2).normal(size=(200, 4)), jnp.float32)
    for scale in (0.3, 3.0, 300.0):
        norms = np.linalg.norm(np.asarray(slopes(large(params, scale), x)), 2, axis=(1, 2))
        assert norms.max() <= 0.8 + 1e-5
        # large biases saturate an activation
        assert scale > 1 or norms.max() > 0.05


def test_one_row_of_a_masked_network_is_that_of_all():
    net = autoregressive(4, 2, 3, hidden=8, layers=2, residual=True)
    params = large(net.init(jax.random.key(0)), 0.5)
    x, context = jnp.arange(4.0), net.context(params, jnp.ones(2))
    rows = jax.vmap(lambda i: net.one(params, x, context, i))(jnp.arange(4))
    np.testing.assert_allclose(rows, net.apply(params, x, context), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [planar, radial])
def test_derivatives_through_the_inverse_are_finite_differences(x64, make):
    """With respect to the latent, the condition and the parameters, along a random direction of all of them."""
    layer = make(3, 2, hidden=4, layers=1, activation="tanh")
    rng = np.random.default_rng(3)
    point = {
        "params": large(jax.tree.map(lambda p: p.astype(jnp.float64), layer.init(jax.random.key(0))), 0.7),
        "z": jnp.asarray(rng.normal(size=3)),
        "cond": jnp.asarray(rng.normal(size=2)),
    }
    direction = large(point, 1.0, seed=4)
    weight = jnp.asarray([1.0, -2.0, 0.5])

    @jax.jit
    def value(step):
        at = jax.tree.map(lambda p, d: p + step * d, point, direction)
        x, log_det = layer.inverse(at["params"], at["z"], layer.context(at["params"], at["cond"]))
        return weight @ x + log_det

    difference = (value(1e-5) - value(-1e-5)) / 2e-5
    np.testing.assert_allclose(jax.grad(value)(0.0), difference, rtol=1e-6)
    assert abs(difference) > 1e-2
