"""Event subtraction: closed forms of the weights and bins, classes of the generator, a flow of signed weights."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold.errors import InputError
from jaxunfold.training import steps
from jaxunfold.training.descent import descent
from jaxunfold.unbinned import subtraction

pytestmark = pytest.mark.usefixtures("quick_compile")

NET = {"hidden": 8, "layers": 1}


def samples(n, seed=0):
    """B is half N(-1, 1) and half N(1, 1), S the former."""
    rng = np.random.default_rng(seed)
    sign = rng.choice([-1.0, 1.0], n)
    return rng.normal(sign, 1.0)[:, None], rng.normal(-1.0, 1.0, n)[:, None]


def test_signed_weights_have_the_moments_of_the_difference():
    """Mean 1 and variance 1 of N(1, 1), to four standard errors, about 4 sqrt(10 / n)."""
    x, weight = subtraction.signed(*samples(40000), 0.5)
    assert weight.mean() == pytest.approx(1.0)
    mean = np.mean(weight * x[:, 0])
    assert abs(mean - 1) < 0.06
    assert abs(np.mean(weight * (x[:, 0] - mean) ** 2) - 1) < 0.12


def test_maximum_likelihood_with_signed_weights_finds_the_difference():
    """Of a Gaussian with mean and width the optimum is the signed moments, where the gradient vanishes."""
    x, weight = subtraction.signed(*samples(20000), 0.5)
    data = steps.unconditional(x, weight)

    def terms(params, batch, key):
        z = (batch.truth[:, 0] - params["mean"]) * jnp.exp(-params["log_width"])
        loss = jnp.mean(batch.weight * (0.5 * z**2 + params["log_width"]))
        return loss, {}

    start = {"mean": jnp.zeros(()), "log_width": jnp.ones(())}
    init, step = descent(lambda key, batch: start, terms, optax.adam(0.05))
    state, _ = steps.run(step, init(None, data), lambda key: data, jax.random.key(0), 300)
    mean = np.mean(weight * x[:, 0])
    np.testing.assert_allclose(state.params["mean"], mean, atol=2e-3)
    width = np.sqrt(np.mean(weight * (x[:, 0] - mean) ** 2))
    np.testing.assert_allclose(jnp.exp(state.params["log_width"]), width, rtol=2e-3)


def test_binned_difference_and_its_error():
    base, subtracted = np.array([0.5, 0.5, 1.5, 1.5]), np.array([0.5, 1.5])
    value, error = subtraction.binned(base, subtracted, 0.5, np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(value, [0.5, 0.5])
    np.testing.assert_allclose(error, 2 * np.sqrt([2 / 16 + 0.25 / 4, 2 / 16 + 0.25 / 4]))


def test_the_generator_mixes_its_classes_by_the_fraction():
    """The share of class S among 4000 events of the base: 0.3 to four standard errors."""
    found = subtraction.players(1, 0.3, NET, NET, noise=3)
    params, _ = jax.jit(found.init)(jax.random.key(0))
    r = jnp.zeros((4000, 3)).at[:, 0].set(jax.random.normal(jax.random.key(1), (4000,)))
    base, other = (subtraction.Reco(jnp.full((4000, 1), label)) for label in (0.0, 1.0))
    generate = jax.jit(jax.vmap(found.generate, (None, 0, 0)))
    mixed, pure = (generate(params, r, reco)[:, 0] for reco in (base, other))
    share = jnp.mean(jnp.abs(mixed - pure[0]) < 1e-6)
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 4000)
    assert jnp.ptp(pure) < 1e-6
    left = subtraction.difference(found, params, jax.random.key(2), 10)
    assert left.shape == (10, 1)
    assert np.isfinite(left).all()


def test_the_critic_tells_its_samples_apart_and_each_has_half_of_the_weight():
    found = subtraction.players(1, 0.5, NET, NET, noise=3)
    data = subtraction.labelled(*samples(64))
    np.testing.assert_allclose(data.weight.sum(), 128)
    np.testing.assert_allclose(data.weight[data.reco.features[:, 0] == subtraction.SUBTRACTED].sum(), 64)
    _, critic = jax.jit(found.init)(jax.random.key(0))
    base, subtracted = (found.judge(critic, data.truth[0], subtraction.Reco(data.reco.features[i])) for i in (0, -1))
    assert base != subtracted


def test_a_difference_of_nothing_is_refused():
    with pytest.raises(InputError, match="between 0 and 1, found 1"):
        subtraction.players(1, 1.0, NET, NET)
