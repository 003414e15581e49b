"""Methods with an empty condition: densities that integrate to one, GANs whose only input is noise."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold.errors import InputError
from jaxunfold.methods import METHODS
from jaxunfold.metrics.calibration import max_deviation, randomised_ranks
from jaxunfold.types import Anchor, Batch, Reco, Spec

pytestmark = pytest.mark.usefixtures("quick_compile")

SPEC = Spec(2, 0, ("x", "y"))
NET = {"hidden": 8, "layers": 1}
GAN = {"generator": NET, "critic": NET, "penalty": {"kind": "wrong_side", "weight": 0.1}}


def batch(n, seed=0):
    truth = jax.random.normal(jax.random.key(seed), (n, 2)) * jnp.array([1.0, 0.5])
    return Batch(truth, nothing(n), jnp.ones(n))


def nothing(n):
    return Reco(jnp.zeros((n, 0)), Anchor(jnp.zeros((n, 2))))


def test_a_gan_trains_without_a_condition():
    method = METHODS["gan"](SPEC, optax.adam(1e-3), noise=3, **GAN)
    _, metrics = jax.jit(method.step)(method.init(jax.random.key(0), batch(64)), batch(64), jax.random.key(1))
    assert np.isfinite(metrics["loss"])


def test_density_of_a_flow_integrates_to_one():
    flow = {"layer": "spline", "blocks": 2, "bins": 4, "bound": 4.0, "hidden": 8, "layers": 1}
    method = METHODS["cinn"](SPEC, optax.adam(1e-2), flow=flow, condition={"kind": "dense", "output": 3})
    state = jax.jit(method.init)(jax.random.key(0), batch(256))
    rng = np.random.default_rng(1)
    # all weights random, for a flow starts as the identity
    state = state._replace(ema=jax.tree.map(lambda w: w + rng.normal(0, 0.2, w.shape).astype(w.dtype), state.ema))
    axis = jnp.linspace(-7, 7, 141)
    grid = jnp.stack(jnp.meshgrid(axis, axis), -1).reshape(-1, 2)
    density = jnp.exp(jax.jit(method.log_prob)(state, grid, nothing(len(grid))))
    np.testing.assert_allclose(density.sum() * 0.1**2, 1.0, atol=2e-3)


@pytest.mark.parametrize("name", ["gan", "fcgan"])
def test_draws_of_a_gan_differ_by_its_noise(name):
    method = METHODS[name](SPEC, optax.adam(1e-3), noise=3, **GAN)
    state = jax.jit(method.init)(jax.random.key(0), batch(64))
    unfolded = jax.jit(method.unfold, static_argnums=3)(jax.random.key(2), state, nothing(1), 500)
    assert unfolded.samples.shape == (1, 500, 2)
    assert len(jnp.unique(unfolded.samples[0, :, 0])) > 490
    latents = jnp.ones((1, 1, 3))
    assert method.latent_dim == 3
    assert method.push(state, latents, nothing(1)).shape == (1, 1, 2)


def test_a_gan_without_any_input_is_refused():
    with pytest.raises(InputError, match=r"model\.noise: expected 1 or more"):
        METHODS["gan"](SPEC, optax.adam(1e-3), **GAN)


@pytest.mark.parametrize(
    ("name", "options"),
    [("inn", {"flow": {}}), ("einn", {"flow": {}}), ("ibu", {}), ("omnifold", {}), ("tilt", {}),
     ("iterated", {"base": "cinn", "base_model": {}})],
)  # fmt: skip
def test_methods_that_need_a_condition_say_so(name, options):
    with pytest.raises(InputError, match=f"expected features of what is measured, which '{name}' unfolds"):
        METHODS[name](SPEC, optax.adam(1e-3), **options)


def test_calibration_of_a_generated_sample_is_its_ks_distance():
    """Ranks among 400 draws: the quantile of the truth to 1/400 + 3 sqrt(1/4 / 400 / 2000), a false alarm in 10^3."""
    rng = np.random.default_rng(0)
    truth, draws = rng.normal(0.3, 1.0, 2000), rng.normal(0.0, 1.0, (2000, 400))
    found = max_deviation(randomised_ranks(rng, truth, draws))[0]
    pooled = np.sort(draws.reshape(-1))
    quantiles = np.sort(np.searchsorted(pooled, truth) / pooled.size)
    ks = np.abs(quantiles - (np.arange(2000) + 0.5) / 2000).max()
    assert abs(found - ks) < 0.01
