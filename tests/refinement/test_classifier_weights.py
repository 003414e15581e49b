"""Classifier weights with known ratios: calibration, health, the latent space, rejection and resampling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.refinement import calibration, rejection
from jaxunfold.refinement.latent import latent_log_weights, push, refined_log_density
from jaxunfold.refinement.weights import Options, learn_weight
from jaxunfold.unbinned import omnifold

pytestmark = pytest.mark.usefixtures("quick_compile")
SMALL = Options(hidden=(16, 16), epochs=15, batch_size=250, learning_rate=5e-3)


@pytest.fixture(scope="module")
def samples():
    """True N((0.5, 0), 1) and generated N((-0.5, 0), 1): the log-ratio is the first coordinate."""
    rng = np.random.default_rng(0)
    shift = np.array([0.5, 0.0])
    return [(rng.normal(size=(4000, 2)) + s * shift).astype(np.float32) for s in (1, -1)]


@pytest.fixture(scope="module")
def learned(samples):
    return learn_weight(jax.random.key(0), *samples, SMALL)


def test_weight_is_the_ratio_of_the_densities(learned):
    """Within 0.25 where |x| < 1.5 in both directions."""
    x = jnp.stack(jnp.meshgrid(jnp.linspace(-1.5, 1.5, 5), jnp.linspace(-1.5, 1.5, 5)), -1).reshape(-1, 2)
    np.testing.assert_allclose(learned(x), x[:, 0], atol=0.25)


def test_health_is_that_of_the_known_weights(learned):
    """(E w)^2 / E w^2 = exp(-1) for w = exp(x) under N(-1/2, 1); a spread of 0.05 at 400 held-out events."""
    assert abs(learned.health.ess - np.exp(-1)) < 0.15


def test_weighted_samples_change_the_ratio(samples):
    """True events weighted by exp(-x) are distributed as the generated ones: the weight is one."""
    true, generated = samples
    found = learn_weight(jax.random.key(1), true, generated, SMALL, weight=np.exp(-true[:, 0]))
    assert abs(float(jnp.mean(found(jnp.asarray(generated))))) < 0.15
    assert found.health.ess > 0.9


def test_temperature_undoes_a_stretched_logit():
    """Labels drawn with log-odds l, logit 3 l + 1: scale 1/3 and shift -1/3 of 20,000 events, within 0.05."""
    rng = np.random.default_rng(0)
    odds = rng.normal(size=20_000)
    label = rng.uniform(size=20_000) < 1 / (1 + np.exp(-odds))
    # equal sums of both labels make the ratio that of the densities: the odds are centred on zero
    found = calibration.fit_temperature(3 * odds + 1, label, 1.0 - label)
    np.testing.assert_allclose([found.scale, found.shift], [1 / 3, -1 / 3], atol=0.05)
    grid = jnp.linspace(-2, 2, 9)
    np.testing.assert_allclose(found(3 * grid + 1), grid, atol=0.15)


def test_isotonic_undoes_any_rising_map():
    rng = np.random.default_rng(0)
    odds = rng.normal(size=50_000)
    label = rng.uniform(size=50_000) < 1 / (1 + np.exp(-odds))
    found = calibration.fit_isotonic(np.sinh(2 * odds), label, 1.0 - label)
    grid = np.linspace(-1.5, 1.5, 7)
    np.testing.assert_allclose(found(jnp.asarray(np.sinh(2 * grid), jnp.float32)), grid, atol=0.3)
    assert (np.diff(found.values) >= 0).all()


def test_calibration_does_not_make_it_worse(learned):
    before, after = learned.loss
    assert after <= before + 1e-6


def test_pulled_back_density_is_that_of_the_truth(learned):
    """g(z) = z - (1/2, 0) makes the generated events of normal z; the refined latents are N((1, 0), 1), whose slope
    at z is (1, 0) - z. Within 0.35 near the mean."""
    density = refined_log_density(lambda z: z - jnp.array([0.5, 0.0]), learned)
    for z in ([0.5, 0.0], [1.0, 0.5], [1.5, -0.5]):
        np.testing.assert_allclose(jax.grad(density)(jnp.asarray(z)), np.array([1.0, 0.0]) - z, atol=0.35)


def test_stochastic_generator_gets_weights_by_omnifold():
    """x = z + n with n ~ N(0, 1) of its own: x ~ N(1, 2) needs z ~ N(1, 1), whose log-weight is z - 1/2."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(6000, 1))
    x = z + rng.normal(size=(6000, 1))
    true = 1 + np.sqrt(2) * rng.normal(size=(6000, 1))
    options = omnifold.Options(iterations=4, hidden=(16,), epochs=6, batch_size=250, learning_rate=1e-2)
    log_w, function = latent_log_weights(jax.random.key(0), z, x, true, options)
    w = np.exp(log_w)
    # direct weights of x, averaged at each z, would move z by half as much only
    assert abs(np.average(z[:, 0], weights=w) - 1) < 0.2
    grid = jnp.linspace(-1, 1.5, 6)
    np.testing.assert_allclose(function(grid[:, None]), grid - 0.5, atol=0.35)


def test_push_is_the_generator_in_pieces():
    z = jnp.arange(10.0).reshape(5, 2)
    np.testing.assert_array_equal(push(lambda z: z[:1] * 2, z, batch_size=2), z[:, :1] * 2)


def test_rejection_keeps_in_proportion():
    """Weights 1 and 3 of 10,000 draws each: all of the second, a third of the first within five standard errors."""
    log_w = jnp.log(jnp.where(jnp.arange(20_000) < 10_000, 1.0, 3.0))
    found = rejection.reject(jax.random.key(0), log_w)
    assert bool(found.keep[10_000:].all())
    assert abs(float(found.keep[:10_000].mean()) - 1 / 3) < 5 * np.sqrt(2 / 9 / 10_000)
    assert float(found.clipped) == 0
    half = rejection.reject(jax.random.key(0), log_w, float(jnp.log(1.5)))
    np.testing.assert_allclose(half.clipped, 1 / (1 / 1.5 + 2), rtol=1e-4)


def test_resampling_keeps_in_proportion():
    """Systematic: every count is within one of its expectation."""
    w = jnp.array([0.1, 2.0, 0.0, 3.3, 1.0])
    rows = rejection.resample(jax.random.key(0), jnp.log(w), 1000)
    counts = np.bincount(rows, minlength=5)
    assert (np.abs(counts - 1000 * np.asarray(w) / 6.4) <= 1 + 1e-3).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"calibration": "platt"}, "calibration: expected one of temperature, isotonic"),
        ({"held_out": 0.0}, "held_out"),
    ],
)
def test_bad_options_are_one_line(samples, options, words):
    with pytest.raises(InputError, match=words):
        learn_weight(jax.random.key(0), *samples, Options(**options))
