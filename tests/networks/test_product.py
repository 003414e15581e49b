"""The product of dense layers: the same numbers and derivatives of every order as jnp.matmul."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.networks.base import relu
from jaxunfold.networks.product import dot_general, product

KEYS = jax.random.split(jax.random.key(0), 3)
EVENTS, INPUTS = 12, 4
X = jax.random.normal(KEYS[0], (EVENTS, INPUTS))


# both sides of what decides which factor is transposed: one output, and more of them than inputs
@pytest.mark.parametrize("outputs", [1, 6])
def test_product_and_its_derivatives_are_those_of_matmul(outputs):
    w = jax.random.normal(KEYS[1], (INPUTS, outputs))

    def loss(dot, x, w):
        return jnp.sum(jnp.sin(jax.vmap(lambda x: dot(jnp.tanh(dot(x, w)), w.T))(x)))

    def all_of(dot):
        one, both = (lambda x, w: loss(dot, x, w)), (0, 1)
        return (
            one(X, w),
            jax.grad(one, both)(X, w),
            jax.jvp(one, (X, w), (X, w)),
            jax.hessian(one, 1)(X, w),
            jax.jacfwd(jax.grad(one))(X, w),
        )

    for ours, plain in zip(*(jax.tree.leaves(jax.jit(all_of, static_argnums=0)(f)) for f in (product, jnp.matmul))):
        np.testing.assert_allclose(ours, plain, rtol=2e-5, atol=2e-5)


def test_product_over_weights_of_several_networks():
    w = jax.random.normal(KEYS[2], (3, INPUTS, 5))
    xs = jnp.stack([X, 2 * X, 3 * X], axis=1)
    for axes, x, v in (((None, 0), X, w), ((1, 0), xs, w), ((1, None), xs, w[0])):
        expected = jax.vmap(jnp.matmul, axes)(x, v)
        np.testing.assert_allclose(jax.vmap(product, axes)(x, v), expected, rtol=1e-5, atol=1e-5)


def rounded(x):
    """float64 of the nearest bfloat16: a fraction of eight bits."""
    fraction, exponent = np.frexp(np.asarray(x, np.float64))
    return np.ldexp(np.round(fraction * 2**8), exponent - 8)


def test_products_of_bfloat16_round_both_factors_and_nothing_else():
    """Also in gradients; the compiled program of float32 is not taken for it."""
    w, ct = jax.random.normal(KEYS[1], (INPUTS, 5)), jax.random.normal(KEYS[2], (EVENTS, 5))

    @jax.jit
    def all_of(x, w):
        value, pull = jax.vjp(lambda x, w: jax.vmap(lambda x: product(x, w))(x), x, w)
        return value, *pull(ct)

    full = all_of(X, w)
    with jax.default_matmul_precision("bfloat16"):
        found = all_of(X, w)
    x, v, c = rounded(X), rounded(w), rounded(ct)
    for ours, exact, plain in zip(found, (x @ v, c @ v.T, x.T @ c), full):
        np.testing.assert_allclose(ours, exact, rtol=1e-5, atol=1e-5)
        assert np.abs(np.asarray(plain) - exact).max() > 1e-3


def test_other_products_are_refused():
    with pytest.raises(ValueError, match="dimension_numbers: expected"):
        dot_general(X, X, (((0,), (0,)), ((), ())))


def test_relu_and_its_slope():
    x = jnp.asarray([-2.0, -0.0, 0.0, 3.0])
    value, slope = jax.jvp(relu, (x,), (jnp.ones(4),))
    np.testing.assert_array_equal(value, [0, 0, 0, 3])
    np.testing.assert_array_equal(slope, [0, 0, 0, 1])
