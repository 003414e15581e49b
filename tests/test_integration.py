"""Neural importance sampling: densities that integrate to one, unbiased integrals, flat phase space."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold import integration
from jaxunfold.errors import InputError
from jaxunfold.physics import phase_space

pytestmark = pytest.mark.usefixtures("quick_compile")

GAMMA = 0.05


def ridge(x):
    """A Breit-Wigner along the diagonal of the square."""
    return GAMMA / math.pi / ((x[:, 0] - x[:, 1]) ** 2 + GAMMA**2)


RIDGE = 2 / math.pi * (math.atan(1 / GAMMA) - 0.5 * GAMMA * math.log(1 + 1 / GAMMA**2))


@pytest.fixture(scope="module")
def trained():
    """(sampler, params) after a short training on the ridge, and the spread of the weights on the way."""
    sampler = integration.build_sampler(2, blocks=2, bins=6, hidden=16, layers=1)
    params, spread = integration.train(
        jax.random.key(0), sampler, ridge, steps=60, batch_size=512, learning_rate=1e-2
    )
    return sampler, params, spread


def test_integral_is_within_its_error_and_the_weights_narrow(trained):
    """A pull below 3.3: a false alarm in 1000 seeds."""
    sampler, params, spread = trained
    w = integration.weights(jax.random.key(1), sampler, params, ridge, 40000)
    found = integration.estimate(w)
    assert abs(found.value - RIDGE) < 3.3 * found.error
    assert spread[-10:].mean() < 0.8 * spread[0]


def test_density_integrates_to_one_and_is_that_of_the_draws(trained):
    sampler, params, _ = trained
    middle = (jnp.arange(120) + 0.5) / 120
    grid = jnp.stack(jnp.meshgrid(middle, middle), -1).reshape(-1, 2)
    density = jnp.exp(jax.jit(sampler.log_prob)(params, grid))
    np.testing.assert_allclose(density.mean(), 1.0, atol=0.01)
    x, log_q = jax.jit(sampler.draw, static_argnums=2)(params, jax.random.key(2), 300)
    np.testing.assert_allclose(jax.jit(sampler.log_prob)(params, x), log_q, atol=5e-3)


def test_a_flow_starts_as_the_uniform_density():
    sampler = integration.build_sampler(2, blocks=1, bins=4, hidden=4, layers=1)
    _, log_q = jax.jit(lambda key: sampler.draw(sampler.init(key), key, 50))(jax.random.key(0))
    np.testing.assert_allclose(log_q, 0.0, atol=1e-4)


def test_scores_are_the_derivatives_of_their_losses():
    """d/dq of p^2 / q, -p log q and p log^2(p / q), times -q, at p = w and q = 1; Pearson's has a constant more."""
    w, q = 1.7, 1.0
    losses = {
        "chi2": lambda q: w**2 / q,
        "kl": lambda q: -w * jnp.log(q),
        "exponential": lambda q: w * jnp.log(w / q) ** 2,
    }
    for name, loss in losses.items():
        np.testing.assert_allclose(integration.SCORES[name](w), -jax.grad(loss)(q) * q, rtol=1e-5)


def test_unweighting_efficiency_in_numbers():
    assert integration.unweighting_efficiency(np.ones(1000)) == 1.0
    # one weight of 100 among ones holds a tenth of the sum; it is beyond a maximum that may leave a fifth
    w = np.ones(901)
    w[0] = 100.0
    assert integration.unweighting_efficiency(w, beyond=0.2) == pytest.approx(1000 / 901)
    assert integration.unweighting_efficiency(w, beyond=0.0) == pytest.approx(10 / 901)
    assert integration.unweighting_efficiency(np.zeros(3)) == 0.0


def test_refusals():
    with pytest.raises(InputError, match="2 dimensions or more, found 1"):
        integration.build_sampler(1)
    sampler = integration.build_sampler(2, blocks=1)
    with pytest.raises(InputError, match="expected one of chi2, kl, exponential, found 'mse'"):
        integration.train(jax.random.key(0), sampler, ridge, loss="mse")


def test_phase_space_is_flat_in_the_momenta():
    """On shell, at rest, and with the moments that a flat measure has.

    Means and variances to 4 standard errors: a false alarm in 2000 seeds.
    """
    x = jax.random.uniform(jax.random.key(0), (20000, 8))
    p = np.asarray(jax.jit(jax.vmap(lambda row: phase_space.massless(row, 100.0)))(x), np.float64)
    np.testing.assert_allclose(p.sum(1), np.array([100.0, 0, 0, 0]) * np.ones((20000, 1)), atol=2e-3)
    np.testing.assert_allclose(p[..., 0], np.linalg.norm(p[..., 1:], axis=-1), atol=1e-3)
    energy = p[..., 0] / 50
    # recoiling massless n - 1 particles have (1 - x)^(n - 3) of phase space beside x dx: Beta(2, n - 2)
    mean, variance = 2 / 4, 2 * 2 / (4**2 * 5)
    assert np.abs(energy.mean(0) - mean).max() < 4 * math.sqrt(variance / 20000)
    fourth = 0.00286  # variance of (x - mean)^2 of Beta(2, 2)
    assert np.abs(energy.var(0) - variance).max() < 4 * math.sqrt(fourth / 20000)


def test_volume_of_two_and_three_particles():
    assert phase_space.volume(2, 7.0) == pytest.approx(1 / (8 * math.pi))
    assert phase_space.volume(3, 7.0) == pytest.approx(49 / (256 * math.pi**3))
