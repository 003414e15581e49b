"""Markov chains: leapfrog as it should be, and draws of a known density, by our samplers and by blackjax's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.metrics.chains import effective_sample_size
from jaxunfold.refinement.hmc import hmc, leapfrog, point, tune, tuned_hmc
from jaxunfold.refinement.langevin import langevin
from jaxunfold.refinement.nuts import blackjax_chains

pytestmark = pytest.mark.usefixtures("quick_compile")
MEAN, COVARIANCE = np.array([1.0, -0.5]), np.array([[1.0, 0.6], [0.6, 0.8]])
PRECISION = np.linalg.inv(COVARIANCE)


def log_density(z):
    centred = z - jnp.asarray(MEAN, z.dtype)
    return -0.5 * centred @ jnp.asarray(PRECISION, z.dtype) @ centred


def test_leapfrog_returns_when_the_momentum_flips(x64):
    at, momentum = point(log_density, jnp.array([0.3, 1.0])), jnp.array([0.5, -1.2])
    end, last = leapfrog(log_density, at, momentum, 0.1, 20)
    back, first = leapfrog(log_density, end, -last, 0.1, 20)
    np.testing.assert_allclose(back.z, at.z, atol=1e-12)
    np.testing.assert_allclose(first, -momentum, atol=1e-12)


def test_leapfrog_keeps_volume_and_energy(x64):
    """Determinant one of the map of phase space; the energy's error falls with the square of the step."""

    def flow(state, step, num):
        end, last = leapfrog(log_density, point(log_density, state[:2]), state[2:], step, num)
        return jnp.concatenate([end.z, last])

    state = jnp.array([0.3, 1.0, 0.5, -1.2])
    np.testing.assert_allclose(jnp.linalg.det(jax.jacfwd(flow)(state, 0.3, 4)), 1, atol=1e-12)

    def energy(state):
        return 0.5 * state[2:] @ state[2:] - log_density(state[:2])

    errors = [abs(float(energy(flow(state, 1 / n, n)) - energy(state))) for n in (10, 20)]
    np.testing.assert_allclose(errors[0] / errors[1], 4, rtol=0.05)


SAMPLERS = {
    "hmc": partial(hmc, step_size=0.3, num_steps=6, burn_in=30),
    "tuned hmc": partial(tuned_hmc, burn_in=10, most_steps=20),
    "langevin": partial(langevin, step_size=0.04, burn_in=200, thin=5),
    "langevin adjusted": partial(langevin, step_size=0.4, burn_in=50, adjusted=True),
    "nuts": partial(blackjax_chains, tuning_steps=60, burn_in=20),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_draws_have_mean_and_covariance(name):
    """200 chains of 100 draws. Five standard errors, of the effective number of draws; 2 per cent for the step's own
    error of unadjusted Langevin."""
    if name == "nuts":
        pytest.importorskip("blackjax")
    start = jax.random.normal(jax.random.key(0), (200, 2))
    found = jax.jit(partial(SAMPLERS[name], log_density, num_draws=100))(jax.random.key(1), start)
    assert found.draws.shape == (100, 200, 2)
    assert 0.5 < float(found.acceptance.mean()) <= 1
    draws = np.asarray(found.draws, np.float64)
    # of the coordinates and, for the covariance, of their squares: chains of one fixed length mix these slowly
    size = min(effective_sample_size(draws[..., i] ** power) for i in range(2) for power in (1, 2))
    assert size > 300
    flat = draws.reshape(-1, 2)
    np.testing.assert_allclose(flat.mean(0), MEAN, atol=5 / np.sqrt(size))
    np.testing.assert_allclose(np.cov(flat.T), COVARIANCE, atol=5 * np.sqrt(2 / size) + 0.02)


def test_tuned_step_follows_the_scale_of_the_density():
    """A density of a tenth of the width has a tenth of the step, on a grid of 1.3 to the k; the trajectory too."""

    def found(width):
        start = width * jax.random.normal(jax.random.key(0), (100, 2))
        return float(tune(lambda z: -0.5 * jnp.sum((z / width) ** 2), jax.random.key(1), start, length=1.5 * width))

    wide, narrow = found(1.0), found(0.1)
    assert 0.4 < wide <= 1.1
    assert 0.04 < narrow < 0.2


def test_burn_in_is_left_out():
    """From far away: no draw is near the start."""
    start = jnp.full((4, 2), 30.0)
    sampler = partial(hmc, log_density, num_draws=5, step_size=0.3, num_steps=6, burn_in=60)
    found = jax.jit(sampler)(jax.random.key(0), start)
    assert float(jnp.abs(found.draws).max()) < 8


def test_unknown_kind_is_one_line():
    with pytest.raises(InputError, match="kind: expected one of nuts, hmc, found 'gibbs'"):
        blackjax_chains(log_density, jax.random.key(0), jnp.zeros((2, 2)), num_draws=1, kind="gibbs")
