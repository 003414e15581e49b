"""The two sides' losses against the papers' formulas in D, where those are finite, and beyond."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.losses.adversarial import GAMES, unit_slope_penalty, wrong_side_penalty

PHI = np.asarray([-5.0, -0.3, 0.0, 2.0, 7.0])
D = 1 / (1 + np.exp(-PHI))


def test_jensen_shannon_in_logits_is_that_in_probabilities(x64):
    game = GAMES["jensen_shannon"]
    np.testing.assert_allclose(game.real(jnp.asarray(PHI)), -np.log(D), rtol=1e-10)
    np.testing.assert_allclose(game.fake(jnp.asarray(PHI)), -np.log(1 - D), rtol=1e-10)
    np.testing.assert_allclose(game.generator(jnp.asarray(PHI)), -np.log(D), rtol=1e-10)


def test_best_critic_and_its_loss(x64):
    """For densities p, q at a point the best phi is log p / q; with p = q the loss is 2 log 2 (arXiv:1907.03764)."""
    game, p, q = GAMES["jensen_shannon"], 0.7, 0.2
    slope = jax.grad(lambda phi: p * game.real(phi) + q * game.fake(phi))(jnp.log(p / q))
    assert abs(slope) < 1e-12
    assert game.real(jnp.zeros(())) + game.fake(jnp.zeros(())) == pytest.approx(2 * np.log(2))
    least = GAMES["least_squares"]
    slope = jax.grad(lambda phi: p * least.real(phi) + q * least.fake(phi))(jnp.asarray(p / (p + q)))
    assert abs(slope) < 1e-12


@pytest.mark.parametrize("name", GAMES)
def test_finite_where_the_critic_is_sure(name):
    """float32, |phi| up to 1e4, where D is 0 or 1: values and gradients are finite."""
    phi = jnp.asarray([-1e4, -100.0, 100.0, 1e4], jnp.float32)
    for loss in GAMES[name]:
        assert np.isfinite(loss(phi)).all()
        assert np.isfinite(jax.vmap(jax.grad(loss))(phi)).all()


def test_penalty_in_logits_is_that_in_probabilities(x64):
    slope = jnp.asarray([0.5, 1.0, 2.0, 3.0, 4.0])
    phi = jnp.asarray(PHI)
    np.testing.assert_allclose(wrong_side_penalty(phi, slope, True), (1 - D) ** 2 * slope, rtol=1e-10)
    np.testing.assert_allclose(wrong_side_penalty(phi, slope, False), D**2 * slope, rtol=1e-10)
    far = wrong_side_penalty(jnp.asarray([1e4, -1e4], jnp.float32), jnp.ones(2, jnp.float32), True)
    np.testing.assert_allclose(far, [0, 1])


def test_unit_slope(x64):
    np.testing.assert_allclose(unit_slope_penalty(jnp.asarray([0.0, 1.0, 4.0])), [1, 0, 1], atol=1e-5)
    assert np.isfinite(jax.grad(unit_slope_penalty)(jnp.zeros(())))
