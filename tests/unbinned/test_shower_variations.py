"""Learned weights of a variation: the mean of noisy weights at x, between the factors of the training too."""

import jax
import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.unbinned.variations import learn_weights

pytestmark = pytest.mark.usefixtures("quick_compile")

FACTORS = (0.5, 2.0)


def sample(n, seed=0):
    """x = -log of an exponential's tail of rate 1; a factor k makes the rate k^0.5: w = k^0.5 exp((1 - k^0.5) x).

    The weights are that times noise of mean one that x does not know of.
    """
    rng = np.random.default_rng(seed)
    x = rng.exponential(size=(n, 1))
    noise = rng.gamma(4.0, 0.25, (n, len(FACTORS)))
    return x, noise * np.column_stack([exact(x[:, 0], k) for k in FACTORS])


def exact(x, factor):
    rate = factor**0.5
    return rate * np.exp((1 - rate) * x)


@pytest.fixture(scope="module")
def weight_of():
    x, weights = sample(20000)
    return learn_weights(jax.random.key(0), x, FACTORS, weights, hidden=(16, 16), epochs=6, batch_size=1000)


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.0, 1.4, 2.0])
def test_weights_are_the_ratio_of_the_densities(weight_of, factor):
    """Mean of new events to 2 per cent, mean x of them to 4; the weights themselves to 8 where most events are."""
    x, _ = sample(40000, seed=1)
    found = weight_of(x, factor)
    assert found.mean() == pytest.approx(1.0, abs=0.02)
    assert np.mean(found * x[:, 0]) == pytest.approx(factor**-0.5, rel=0.04)
    at = np.linspace(0.1, 2.0, 9)
    np.testing.assert_allclose(weight_of(at[:, None], factor), exact(at, factor), rtol=0.08)


def test_as_many_factors_as_columns():
    x, weights = sample(100)
    with pytest.raises(InputError, match="expected 2 positive numbers"):
        learn_weights(jax.random.key(0), x, (0.5,), weights)
    with pytest.raises(InputError, match="expected 2 positive numbers"):
        learn_weights(jax.random.key(0), x, (0.5, -1.0), weights)
