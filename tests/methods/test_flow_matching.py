"""Flow matching: its path and times in closed form, and a posterior known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from jaxunfold.losses.interpolation import path, sample_times
from jaxunfold.methods import flow_matching
from jaxunfold.types import Batch, Reco, Spec

pytestmark = pytest.mark.usefixtures("quick_compile")

# truth ~ N(0, 1), reco = SMEAR truth + NOISE n: the posterior is normal with this covariance and mean
SMEAR, NOISE = np.array([[1.0, 0.5], [-0.3, 0.8]]), 0.5
COVARIANCE = np.linalg.inv(np.eye(2) + SMEAR.T @ SMEAR / NOISE**2)
GAIN = COVARIANCE @ SMEAR.T / NOISE**2
SPEC = Spec(2, 2, ("a", "b"))
SMALL = {
    "velocity": {"hidden": 32, "layers": 2, "frequencies": 2},
    "condition": {"layers": 1, "units": 32, "output": 8},
    "solver": {"kind": "heun", "steps": 12},
}
STEPS, BATCH, EVENTS, DRAWS = 1500, 512, 2000, 30


def build(**options):
    optimizer = optax.adam(optax.cosine_decay_schedule(5e-3, STEPS))
    return flow_matching.build(SPEC, optimizer, **{**SMALL, **options})


def sample(key, n):
    truth_key, noise_key = jax.random.split(key)
    truth = jax.random.normal(truth_key, (n, 2))
    reco = truth @ jnp.asarray(SMEAR.T, jnp.float32) + NOISE * jax.random.normal(noise_key, (n, 2))
    return Batch(truth, Reco(reco), jnp.ones(n))


@pytest.mark.parametrize("power", [0.0, 2.0, -0.5])
def test_times_have_the_power_law(power):
    """Kolmogorov-Smirnov against t^(1 + power) at 20000 times: 0.014 is exceeded with probability 8e-4."""
    times = sample_times(jax.random.key(0), 20000, power)
    assert stats.kstest(np.asarray(times), lambda t: t ** (1 + power)).statistic < 0.014


@pytest.mark.parametrize("sigma_min", [0.0, 0.1])
def test_path_is_straight_from_the_latent_to_the_truth(sigma_min):
    latent, truth = jnp.asarray([1.0, -2.0]), jnp.asarray([0.5, 3.0])
    start, slope = path(latent, truth, 0.0, sigma_min)
    end, same = path(latent, truth, 1.0, sigma_min)
    np.testing.assert_allclose(start, latent)
    np.testing.assert_allclose(end, truth + sigma_min * latent, rtol=1e-6)
    np.testing.assert_allclose(slope, end - start, rtol=1e-6)
    np.testing.assert_array_equal(slope, same)


@pytest.mark.parametrize("t", [0.0, 0.3, 0.9])
def test_regression_of_the_targets_is_the_velocity_of_a_normal(t):
    """For truth ~ N(m, s^2) the marginal at t is normal of mean t m and variance q = (1-t)^2 + t^2 s^2, and the best
    velocity m + (t s^2 - (1 - t)) / q (x - t m), which carries it along. 100,000 pairs; 5 sigma of a regression."""
    m, s, n = 0.7, 0.3, 100_000
    latent_key, truth_key = jax.random.split(jax.random.key(0))
    latent = jax.random.normal(latent_key, (n, 1))
    truth = m + s * jax.random.normal(truth_key, (n, 1))
    x, target = (np.asarray(a)[:, 0] for a in path(latent, truth, t))
    q = (1 - t) ** 2 + (t * s) ** 2
    fit = stats.linregress(x - t * m, target)
    assert abs(fit.slope - (t * s**2 - (1 - t)) / q) < 5 * fit.stderr
    assert abs(fit.intercept - m) < 5 * fit.intercept_stderr


@pytest.fixture(scope="module")
def method():
    return build(ema=0.99, time_power=0.5)


@pytest.fixture(scope="module")
def trained(method):
    @jax.jit
    def train(key):
        def body(state, key):
            data_key, step_key = jax.random.split(key)
            state, metrics = method.step(state, sample(data_key, BATCH), step_key)
            return state, metrics["loss"]

        return jax.lax.scan(body, method.init(key, sample(key, 2)), jax.random.split(key, STEPS))

    state, losses = train(jax.random.key(0))
    assert losses[-100:].mean() < losses[:100].mean()
    return state


@pytest.fixture(scope="module")
def held_out():
    return sample(jax.random.key(1), EVENTS)


@pytest.fixture(scope="module")
def draws(method, trained, held_out):
    return jax.jit(method.unfold, static_argnums=3)(jax.random.key(2), trained, held_out.reco, DRAWS)


def test_draws_have_the_posteriors_mean_and_covariance(draws, held_out):
    """The mean over events of (draws - exact mean) has an error of sigma / sqrt(2000 30) = 0.004 sigma, the
    covariance one of 0.6 per cent; the rest of the bounds is the network's."""
    assert draws.samples.shape == (EVENTS, DRAWS, 2)
    np.testing.assert_array_equal(draws.log_weights, np.zeros((EVENTS, DRAWS)))
    residual = np.asarray(draws.samples) - (np.asarray(held_out.reco.features) @ GAIN.T)[:, None]
    width = np.sqrt(np.diag(COVARIANCE))
    np.testing.assert_array_less(np.abs(residual.mean((0, 1))), 0.05 * width)
    # event by event the mean of 30 draws scatters by 0.18 sigma; 0.22 leaves 0.12 sigma to the network
    np.testing.assert_array_less(residual.mean(1).std(0), 0.22 * width)
    np.testing.assert_allclose(np.cov(residual.reshape(-1, 2).T), COVARIANCE, atol=0.06 * width.max() ** 2)


def test_log_prob_is_the_posteriors(method, trained, held_out):
    """The mean difference is the Kullback-Leibler divergence; that of the estimated trace scatters more."""
    run = jax.jit(method.log_prob)
    found = np.asarray(run(trained, held_out.truth, held_out.reco))
    mean = np.asarray(held_out.reco.features) @ GAIN.T
    exact = stats.multivariate_normal(cov=COVARIANCE).logpdf(np.asarray(held_out.truth) - mean)
    assert abs(np.mean(exact - found)) < 0.02
    assert np.std(exact - found) < 0.15
    estimated = np.asarray(jax.jit(build(probes=8).log_prob)(trained, held_out.truth, held_out.reco))
    spread = np.std(estimated - found)
    assert 0 < spread < 0.5
    assert abs(np.mean(estimated - found)) < 5 * spread / np.sqrt(EVENTS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_power": -1.0}, "time_power: expected more than -1, got -1.0"),
        ({"sigma_min": 1.0}, "sigma_min: expected at least 0 and less than 1, got 1.0"),
        ({"velocity": {"kind": "cnn"}}, "velocity.kind: expected one of mlp.* got 'cnn'"),
        ({"velocity": {"frequencies": -1}}, "velocity.frequencies: expected at least 0, got -1"),
        ({"solver": {"kind": "rk9"}}, "solver.kind: expected one of euler, .* got 'rk9'"),
        ({"activation": "swish"}, "activation: expected one of"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)
