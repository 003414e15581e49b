"""Yields at truth level from draws of measured events, against efficiencies and fake rates in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.methods import corrections
from jaxunfold.methods.corrections import Options

pytestmark = pytest.mark.usefixtures("quick_compile")

OPTIONS = Options(hidden=(16,), epochs=8, batch_size=256, learning_rate=1e-2)


def test_a_logistic_efficiency_is_learned_with_its_normalisation():
    """20,000 events: the error of a fraction is 0.003, of its slope a little more; 0.03 is left to the network."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20000, 1)).astype(np.float32)
    exact = 1 / (1 + np.exp(-(0.8 + 0.9 * x[:, 0])))
    seen = (rng.random(20000) < exact).astype(np.float32)
    weight = rng.uniform(0.5, 1.5, 20000).astype(np.float32)
    learn = jax.jit(lambda key, x, yes, no: corrections.learn(key, x, yes, no, OPTIONS))
    learned = learn(jax.random.key(0), x, weight * seen, weight * (1 - seen))
    grid = np.linspace(-2, 2, 21, dtype=np.float32)[:, None]
    found = corrections.probability(learned, jnp.asarray(grid), OPTIONS)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-(0.8 + 0.9 * grid[:, 0]))), atol=0.03)
    # the sum of 1 / efficiency over what was seen is the number of all: error sqrt(sum (1 - e) / e) / n = 0.006
    each = corrections.probability(learned, jnp.asarray(x), OPTIONS)
    total = np.sum(weight * seen / np.asarray(each))
    np.testing.assert_allclose(total, weight.sum(), rtol=0.02)
    # where everything was seen it is one
    everything = learn(jax.random.key(0), x, weight, 0 * weight)
    np.testing.assert_allclose(corrections.probability(everything, jnp.asarray(grid), OPTIONS), 1.0, rtol=1e-6)


def test_yields_add_up_to_the_truth_events():
    """Two events of weight 3 and -1, half and nothing of them fake, efficiencies 0.5 and 0.25: 3 and -4 events."""
    found = corrections.yields(jnp.array([3.0, -1.0]), jnp.array([0.5, 1.0]), jnp.array([[0.5, 0.5], [0.25, 0.25]]))
    np.testing.assert_allclose(found, [[1.5, 1.5], [-2.0, -2.0]])
