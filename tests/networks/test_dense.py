"""The networks: shapes, sizes, a condition computed ahead, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold import networks


def test_mlp_without_hidden_layers_is_linear():
    net = networks.mlp(3, [], 2)
    params = net.init(jax.random.key(0))
    x, y = jnp.asarray([1.0, 2.0, 3.0]), jnp.asarray([-1.0, 0.5, 4.0])
    both = net.apply(params, x + y) + net.apply(params, jnp.zeros(3))
    np.testing.assert_allclose(both, net.apply(params, x) + net.apply(params, y), atol=1e-5)
    assert networks.count(params) == 3 * 2 + 2


@pytest.mark.parametrize("activation", networks.ACTIVATIONS)
def test_mlp_counts_its_parameters(activation):
    net = networks.mlp(3, [5, 4], 2, activation)
    params = net.init(jax.random.key(0))
    assert net.apply(params, jnp.ones(3)).shape == (2,)
    assert networks.count(params) == (3 * 5 + 5) + (5 * 4 + 4) + (4 * 2 + 2)


@pytest.mark.parametrize("residual", [False, True])
def test_conditioner_starts_at_zero_and_sees_the_condition_through_its_context_alone(residual):
    net = networks.conditioner(3, 2, 4, hidden=8, layers=3, residual=residual)
    params = net.init(jax.random.key(0))
    x, cond = jnp.ones(3), jnp.asarray([0.3, -1.0])
    context = net.context(params, cond)
    assert context.shape == (8,)
    np.testing.assert_array_equal(net.apply(params, x, context), np.zeros(4))
    shifted = jax.tree.map(lambda p: p + 0.1, params)
    a, b = (net.apply(shifted, x, net.context(shifted, c)) for c in (cond, -cond))
    assert np.max(np.abs(a - b)) > 1e-3


def test_conditioner_without_a_condition():
    net = networks.conditioner(3, 0, 4, hidden=8, layers=2)
    params = net.init(jax.random.key(0))
    assert net.context(params, jnp.zeros(0)).shape == (8,)
    assert networks.count(params) == (3 * 8 + 8) + (8 * 8 + 8) + (8 * 4 + 4)


def test_conditioner_of_one_layer_by_hand():
    """relu(W x + V c + b) K + k with numbers."""
    net = networks.conditioner(1, 1, 1, hidden=1, layers=1)
    params = {
        "params": {
            "from_cond": {"kernel": jnp.asarray([[2.0]]), "bias": jnp.asarray([1.0])},
            "from_x": {"kernel": jnp.asarray([[3.0]])},
            "last": {"kernel": jnp.asarray([[0.5]]), "bias": jnp.asarray([-1.0])},
        }
    }
    for x, c, expected in ((1.0, 2.0, 0.5 * (3 + 4 + 1) - 1), (-5.0, 0.0, -1.0)):
        found = net.apply(params, jnp.asarray([x]), net.context(params, jnp.asarray([c])))
        np.testing.assert_allclose(found, [expected])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: networks.mlp(2, [3], 1, "softsign"), "activation: expected one of relu, .* got 'softsign'"),
        (lambda: networks.conditioner(2, 2, 1, activation="x"), "got 'x'"),
        (lambda: networks.conditioner(2, 2, 1, layers=0), "layers: expected at least 1, got 0"),
    ],
)
def test_refusals(build, message):
    with pytest.raises(ValueError, match=message):
        build()
