"""Widths of samples whose width is known, and energy scores against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.losses.energy import energy_distance, energy_score, spread_ratio
from jaxunfold.losses.spread import GAUSSIAN, cooling_width, full_width_at_half_maximum, standard_deviation


def test_widths_of_a_normal_and_of_a_breit_wigner_sample():
    """Quantiles in place of draws, so nothing is random: 2 per cent for the normal, 20 for the heavy-tailed peak."""
    from scipy import stats

    u = (np.arange(4000) + 0.5) / 4000
    one = jnp.ones(4000)
    normal = jnp.asarray(80 + 2 * stats.norm.ppf(u), jnp.float32)
    assert standard_deviation(normal, one) == pytest.approx(2, rel=0.01)
    assert full_width_at_half_maximum(normal, one) == pytest.approx(2 * GAUSSIAN, rel=0.02)
    peak = jnp.asarray((80 + stats.cauchy.ppf(u)).clip(60, 100), jnp.float32)
    # gamma = 1 is half of the full width; the tails' weight goes into the standard deviation, not into this
    assert full_width_at_half_maximum(peak, one) == pytest.approx(2, rel=0.2)
    assert standard_deviation(peak, one) > 2.5


@pytest.mark.parametrize("of", ["std", "fwhm"])
def test_no_gradient_goes_through_a_width(of):
    x = jnp.asarray(np.random.default_rng(0).normal(80, 2, 64), jnp.float32)
    assert not np.asarray(jax.grad(lambda x: cooling_width(x, jnp.ones(64), 0.3, of))(x)).any()


def test_energy_score_is_smallest_for_the_true_posterior(x64):
    """Of a standard normal in one dimension: E|x - x'| (1 - 1/2) = 1 / sqrt(pi); too narrow and too wide score worse.

    20,000 events of two draws: the mean score has an error of 0.005, four of which are allowed (false alarm 6e-5).
    """
    rng = np.random.default_rng(1)
    truth, noise = rng.normal(size=(20000, 1)), rng.normal(size=(20000, 2, 1))

    def score(scale):
        return float(jnp.mean(jax.vmap(energy_score)(jnp.asarray(truth), jnp.asarray(scale * noise))))

    assert score(1.0) == pytest.approx(1 / np.sqrt(np.pi), abs=0.02)
    assert score(0.3) > score(1.0) + 0.03
    assert score(3.0) > score(1.0) + 0.1
    for scale, expected in ((1.0, 1.0), (0.5, 0.5 * 2**0.5 / 1.25**0.5), (0.0, 0.0)):
        found = spread_ratio(jnp.asarray(truth), jnp.asarray(scale * noise))
        assert found == pytest.approx(expected, abs=0.03)


def test_energy_distance_by_hand(x64):
    """Points 0 and 2 (weights 1, 3) against 1: 2 * 1 - 2 * 3/16 * 2 - 0."""
    x, y = jnp.asarray([[0.0], [2.0]]), jnp.asarray([[1.0]])
    found = energy_distance(x, y, jnp.asarray([1.0, 3.0]), jnp.ones(1))
    assert found == pytest.approx(2 - 0.75, abs=1e-9)
    assert energy_distance(x, x[::-1], jnp.asarray([1.0, 3.0]), jnp.asarray([3.0, 1.0])) == pytest.approx(0, abs=1e-9)
    slope = jax.grad(lambda x: energy_distance(x, x, jnp.ones(2), jnp.ones(2)))(x)
    assert np.isfinite(slope).all()
