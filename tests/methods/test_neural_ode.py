"""The neural ODE: its likelihood is that of its own draws' density, and training finds a normal posterior."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from jaxunfold.methods import flow_matching, neural_ode
from jaxunfold.types import Batch, Reco, Spec

pytestmark = pytest.mark.usefixtures("quick_compile")

NOISE, STEPS, EVENTS = 0.5, 200, 2000
# truth ~ N(0, 1) in two dimensions, reco = truth + NOISE n
VARIANCE = NOISE**2 / (1 + NOISE**2)
OPTIONS = {
    "velocity": {"hidden": 16, "layers": 2, "frequencies": 1},
    "condition": {"layers": 0, "output": 4},
    "solver": {"kind": "midpoint", "steps": 4},
}
OPTIMIZER = optax.adam(optax.cosine_decay_schedule(2e-2, STEPS))
SPEC = Spec(2, 2, ("a", "b"))


def sample(key, n):
    truth_key, noise_key = jax.random.split(key)
    truth = jax.random.normal(truth_key, (n, 2))
    return Batch(truth, Reco(truth + NOISE * jax.random.normal(noise_key, (n, 2))), jnp.ones(n))


def test_training_finds_a_normal_posterior():
    """With estimated traces in training; the exact density's mean falls short of the truth's by a divergence."""
    method = neural_ode.build(SPEC, OPTIMIZER, probes=1, **OPTIONS)

    @jax.jit
    def train(key):
        def body(state, key):
            data_key, step_key = jax.random.split(key)
            state, metrics = method.step(state, sample(data_key, 256), step_key)
            return state, metrics["loss"]

        return jax.lax.scan(body, method.init(key, sample(key, 2)), jax.random.split(key, STEPS))

    state, losses = train(jax.random.key(0))
    assert losses[-20:].mean() < losses[:20].mean()
    held_out = sample(jax.random.key(1), EVENTS)
    # the same networks: flow matching's method serves their exact density, and their draws
    exact = flow_matching.build(SPEC, OPTIMIZER, **OPTIONS)
    found = np.asarray(jax.jit(exact.log_prob)(state._replace(ema=state.params), held_out.truth, held_out.reco))
    mean = np.asarray(held_out.reco.features) / (1 + NOISE**2)
    known = stats.norm(mean, np.sqrt(VARIANCE)).logpdf(np.asarray(held_out.truth)).sum(1)
    assert abs(np.mean(known - found)) < 0.05
    draws = jax.jit(method.unfold, static_argnums=3)(
        jax.random.key(2), state._replace(ema=state.params), held_out.reco, 10
    )
    residual = np.asarray(draws.samples) - mean[:, None]
    np.testing.assert_allclose(residual.mean((0, 1)), 0.0, atol=0.1 * np.sqrt(VARIANCE))
    np.testing.assert_allclose(residual.var((0, 1)), VARIANCE, rtol=0.15)


def test_refusals():
    with pytest.raises(ValueError, match="probes: expected at least 0, got -2"):
        neural_ode.build(SPEC, OPTIMIZER, probes=-2, **OPTIONS)
