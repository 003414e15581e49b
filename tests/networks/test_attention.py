"""The encoder of a set: blind to order, to what stands in absent places, and finite for an empty set."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.networks import build_encoder
from jaxunfold.physics.features import build_features
from jaxunfold.types import Reco, Spec

pytestmark = pytest.mark.usefixtures("quick_compile")

LABELS = ("e-", "e+", "j1", "j2", "j3", "j4")
FEATURES = build_features("kinematics", LABELS)
M, F = len(LABELS), len(FEATURES.object_names)
SPEC = Spec(2, 3, ("a", "b"), num_objects=M, object_dim=F, pairs=FEATURES.pairs)


@pytest.fixture(scope="module")
def encoder():
    built = build_encoder(SPEC, kind="attention", output=5, units=16, layers=2, heads=2)
    return jax.jit(built.apply), jax.jit(built.init)(jax.random.key(0)), built


@pytest.fixture(scope="module")
def reco():
    """One event with three of four jets."""
    rng = np.random.default_rng(0)
    mask = np.array([True] * 5 + [False])
    three = rng.normal(size=(M, 3)) * 40
    momenta = np.concatenate([np.linalg.norm(three, axis=1, keepdims=True) * 1.01, three], axis=1) * mask[:, None]
    objects = FEATURES.objects(jnp.asarray(momenta, jnp.float32), jnp.asarray(mask))
    return Reco(jnp.asarray(rng.normal(size=3), jnp.float32), mask=jnp.asarray(mask), objects=objects)


def test_blind_to_the_order_of_the_jets(encoder, reco):
    apply, params, _ = encoder
    order = np.array([0, 1, 4, 5, 2, 3])
    turned = reco._replace(mask=reco.mask[order], objects=reco.objects[order])
    np.testing.assert_allclose(apply(params, turned), apply(params, reco), atol=1e-5)
    # it is not blind to what an object is: electron and positron change places and kinds stay
    swapped = reco.objects.at[:2, :5].set(reco.objects[jnp.array([1, 0]), :5])
    assert np.max(np.abs(apply(params, reco._replace(objects=swapped)) - apply(params, reco))) > 1e-3


@pytest.mark.parametrize("content", [7.0, 1e30, np.nan])
def test_what_stands_in_an_absent_place_does_not_matter_at_all(encoder, reco, content):
    apply, params, _ = encoder
    filled = reco._replace(objects=reco.objects.at[5].set(content))
    np.testing.assert_array_equal(apply(params, filled), apply(params, reco))


def test_any_number_of_objects(encoder, reco):
    """An absent object more or less is the same event; jets beyond those at init are as good as the others."""
    apply, params, _ = encoder
    fewer = reco._replace(mask=reco.mask[:5], objects=reco.objects[:5])
    np.testing.assert_allclose(apply(params, fewer), apply(params, reco), atol=1e-5)
    more = reco._replace(
        mask=jnp.concatenate([reco.mask, reco.mask[2:4]]), objects=jnp.concatenate([reco.objects, reco.objects[2:4]])
    )
    assert np.max(np.abs(apply(params, more) - apply(params, reco))) > 1e-4


def test_gradients_are_finite_with_absent_objects_and_without_any(encoder, reco):
    _, params, built = encoder

    @jax.jit
    def gradient(params, features, objects, mask):
        def total(params, features, objects):
            return jnp.sum(built.apply(params, Reco(features, mask=mask, objects=objects)))

        return jax.grad(total, argnums=(0, 1, 2))(params, features, objects)

    for mask in (reco.mask, jnp.zeros(M, bool)):
        objects = jnp.where(mask[:, None], reco.objects, 0.0)
        found = gradient(params, reco.features, objects, mask)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
        np.testing.assert_array_equal(found[2][~np.asarray(mask)], 0.0)
        assert np.any(np.asarray(found[1]) != 0)


def test_pairs_can_be_left_out(reco):
    without = build_encoder(SPEC, kind="attention", output=2, units=8, layers=1, heads=2, pairs=False)
    assert without.apply(without.init(jax.random.key(0)), reco).shape == (2,)


def test_refusals():
    with pytest.raises(ValueError, match="'attention' expected measured objects, found a table"):
        build_encoder(Spec(2, 3, ("a", "b")), kind="attention")
    for option, message in (
        ({"heads": 3}, "heads: expected a divisor of units = 64, got 3"),
        ({"layers": 0}, "layers: expected at least 1, got 0"),
        ({"activation": "sine"}, "activation: expected one of"),
    ):
        with pytest.raises(ValueError, match=message):
            build_encoder(SPEC, kind="attention", **option)
