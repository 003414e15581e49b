"""Every layer stands in a cINN by its name in the config: one training step, a draw and its density."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold.bijections.flows import LAYERS, MIXING, NORMALISERS, build_flow
from jaxunfold.errors import InputError
from jaxunfold.methods import cinn
from jaxunfold.types import Batch, Reco, Spec

pytestmark = pytest.mark.usefixtures("quick_compile")

SPEC = Spec(3, 2, ("a", "b", "c"))
CONDITION = {"layers": 1, "units": 4, "output": 3}
NET = {"hidden": 4, "layers": 1, "blocks": 2}
FLOWS = {
    **{name: {"layer": name} for name in LAYERS},
    "circular": {"layer": "circular", "angles": (1,), "scored_angles": True},
    **{f"mixed by {name}": {"layer": "affine", "mixing": name} for name in MIXING},
    **{f"normalised by {name}": {"layer": "realnvp", "normalise": name} for name in NORMALISERS},
    "gaussianised": {"layer": "affine", "gaussianise": True},
}
UNSMOOTH = {"residual": "silu"}


def build(**flow):
    return cinn.build(SPEC, optax.adam(1e-2), flow=flow | NET, condition=CONDITION)


@pytest.mark.parametrize("name", FLOWS)
def test_a_step_a_draw_and_its_density(name):
    flow = FLOWS[name] | ({"activation": UNSMOOTH[name]} if name in UNSMOOTH else {})
    method = build(**flow)
    rng = np.random.default_rng(0)
    truth, features = (jnp.asarray(rng.normal(size=(8, k)), jnp.float32) for k in (3, 2))
    batch = Batch(truth, Reco(features), jnp.ones(8))

    @jax.jit
    def everything(key, batch):
        state, metrics = method.step(method.init(key, batch), batch, key)
        draws = method.unfold(key, state, batch.reco, 2).samples
        return state.params, metrics, draws, method.log_prob(state, draws[:, 0], batch.reco)

    params, metrics, draws, log_prob = everything(jax.random.key(0), batch)
    chex.assert_tree_all_finite((params, metrics, draws, log_prob))
    assert draws.shape == (8, 2, 3)


@pytest.mark.parametrize("layer", ["planar", "radial"])
def test_a_layer_without_inverse_is_refused_when_built(layer):
    with pytest.raises(InputError, match=f"expected a layer with an inverse.* found '{layer}'"):
        build(layer=layer, constrained=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixing": "shuffle"}, "mixing: expected one of permutation, rotation, lu, none, got 'shuffle'"),
        ({"mixing": "none"}, "mixing: expected one of .* got 'none'"),
        ({"normalise": "batchnorm"}, "normalise: expected one of affine, actnorm, none"),
        ({"layer": "circular"}, "angles: expected some for layer 'circular'"),
        ({"angles": (1,)}, r"angles: .* none for others, got \(1,\) for 'spline'"),
        ({"layer": "circular", "angles": (3,)}, "different places from 0 to 2"),
        ({"layer": "circular", "angles": (1,), "mixing": "lu"}, "'permutation' or 'none' with angles"),
        ({"blocks": 0}, "blocks: expected at least 1"),
        ({"layer": "residual", "lipschitz": 1.0}, "lipschitz: expected a number between 0 and 1"),
        ({"layer": "residual", "log_det": "trace"}, "log_det: expected one of exact, series"),
        ({"layer": "autoregressive", "hidden": 2}, "hidden: expected at least dim=3"),
        ({"layer": "autoregressive", "transform": "cubic"}, "transform: expected one of affine, spline"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        build_flow(3, 2, **options)
