"""Velocity networks: the event's share computed ahead, tokens of particles, time features, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.networks import VELOCITIES, build_velocity
from jaxunfold.networks.transformer import particles_of
from jaxunfold.networks.velocity import time_features
from jaxunfold.types import Reco, Spec

SPEC = Spec(4, 3, ("log_m_ll", "eta_e-", "phi_e-", "mass"))
SIZES = {"mlp": {"hidden": 8, "layers": 2}, "transformer": {"width": 8, "heads": 2, "layers": 1, "reco_tokens": 3}}


def test_coordinates_of_a_particle_share_a_token():
    assert particles_of(SPEC.names) == (0, 1, 1, 2)


def test_time_features():
    found = time_features(jnp.asarray(0.25), 2)
    root = np.sqrt(0.5)
    np.testing.assert_allclose(found, [0.25, root, 1.0, root, 0.0], atol=1e-6)


@pytest.mark.parametrize("kind", VELOCITIES)
def test_starts_at_zero_and_then_depends_on_everything(kind):
    net = build_velocity(SPEC, 2, kind, frequencies=1, **SIZES[kind])
    reco = Reco(jnp.zeros(3))
    params = jax.jit(net.init)(jax.random.key(0))
    x, t, cond = jnp.asarray([0.3, -1.0, 2.0, 0.1]), 0.4, jnp.asarray([0.5, -0.5])

    @jax.jit
    def velocity(params, x, t, cond):
        return net.apply(params, x, t, net.context(params, cond, reco))

    np.testing.assert_array_equal(velocity(params, x, t, cond), np.zeros(4))
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    moved = tree.unflatten([leaf + 0.3 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys)])
    before = velocity(moved, x, t, cond)
    for changed in ((x.at[3].add(1.0), t, cond), (x, 0.7, cond), (x, t, -cond)):
        # every component of the velocity sees every component of the event, the time and the condition
        assert np.all(np.abs(velocity(moved, *changed) - before) > 1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "cnn"}, "velocity.kind: expected one of mlp, transformer, got 'cnn'"),
        ({"kind": "transformer", "width": 10, "heads": 4}, "expected a multiple of heads = 4, got 10"),
        ({"kind": "transformer", "layers": 0}, "layers and reco_tokens >= 1, got 64, 4, 0 and 4"),
        ({"kind": "transformer", "activation": "swish"}, "activation: expected one of"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        build_velocity(SPEC, 2, **options)
