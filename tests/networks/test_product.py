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


def test_other_products_are_refused():
    with pytest.raises(ValueError, match="dimension_numbers: expected"):
        dot_general(X, X, (((0,), (0,)), ((), ())))


def test_relu_and_its_slope():
    x = jnp.asarray([-2.0, -0.0, 0.0, 3.0])
    value, slope = jax.jvp(relu, (x,), (jnp.ones(4),))
    np.testing.assert_array_equal(value, [0, 0, 0, 3])
    np.testing.assert_array_equal(slope, [0, 0, 0, 1])
