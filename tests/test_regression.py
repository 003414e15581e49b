"""Regression with its uncertainty: the width of known noise, a posterior's KL, spread where there are no points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold import regression
from jaxunfold.errors import InputError
from jaxunfold.losses.likelihood import gaussian_nll

pytestmark = pytest.mark.usefixtures("quick_compile")

RECIPE = regression.Recipe((16, 16), "tanh", 700, 128, 1e-2)


def noise(x):
    return 0.05 + 0.1 * (x > 0)


@pytest.fixture(scope="module")
def points():
    """x in [-1, 1], y = 3 + x + x^2 with a noise that is three times larger on the right."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (3000, 1))
    return x, 3 + x[:, 0] + x[:, 0] ** 2 + noise(x[:, 0]) * rng.normal(size=3000)


@pytest.mark.parametrize("train", [regression.train_ensemble, regression.train_bayesian])
def test_mean_and_width_of_known_noise(points, train):
    """The mean to 0.03 (its error is 0.005 where noise is largest), the noise to 20 per cent on average."""
    scaling = regression.scaling_of(*points)
    params = train(jax.random.key(0), *points, scaling, members=3, recipe=RECIPE)
    at = jnp.linspace(-0.9, 0.9, 19)[:, None]
    found = jax.jit(lambda x: regression.predict(params, x, scaling, RECIPE))(at)
    np.testing.assert_allclose(found.mean, 3 + at[:, 0] + at[:, 0] ** 2, atol=0.03)
    left = at[:, 0] < -0.15
    right = at[:, 0] > 0.15
    assert found.model[left].mean() == pytest.approx(0.05, rel=0.2)
    assert found.model[right].mean() == pytest.approx(0.15, rel=0.2)
    # networks differ by less than the noise where there are points, and more where there are none
    assert (found.spread < found.model).all()
    np.testing.assert_allclose(found.error**2, found.model**2 + found.spread**2, rtol=1e-5)
    far = regression.predict(params, jnp.array([[4.0]]), scaling, RECIPE)
    assert far.spread[0] > 5 * found.spread.mean()


def test_likelihood_is_smallest_at_the_width_of_the_residuals(x64):
    residual = jnp.array([0.3, -0.1, 0.2])
    width = jnp.sqrt(jnp.mean(residual**2))
    slope = jax.grad(lambda log_width: gaussian_nll(residual, jnp.full(3, log_width)).mean())(jnp.log(width))
    assert abs(slope) < 1e-12
    np.testing.assert_allclose(
        gaussian_nll(residual, jnp.full(3, jnp.log(width))),
        -jax.scipy.stats.norm.logpdf(residual, 0.0, width) - 0.5 * jnp.log(2 * jnp.pi),
    )


@pytest.mark.parametrize("train", [regression.train_ensemble, regression.train_bayesian])
def test_one_network_has_no_spread(points, train):
    with pytest.raises(InputError, match="at least 2, found 1"):
        train(jax.random.key(0), *points, regression.scaling_of(*points), members=1, recipe=RECIPE)
