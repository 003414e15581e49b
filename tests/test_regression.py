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


@pytest.fixture(scope="module")
def ensemble(points):
    scaling = regression.scaling_of(*points)
    return regression.train_ensemble(jax.random.key(0), *points, scaling, members=3, recipe=RECIPE), scaling


@pytest.fixture(scope="module")
def posterior(points):
    scaling = regression.scaling_of(*points)
    return regression.train_bayesian(jax.random.key(0), *points, scaling, members=3, recipe=RECIPE), scaling


@pytest.mark.parametrize("trained", ["ensemble", "posterior"])
def test_mean_and_width_of_known_noise(trained, request):
    """The mean to 0.06, four times its error where noise is largest; the noise to 20 per cent on average."""
    params, scaling = request.getfixturevalue(trained)
    at = jnp.linspace(-0.9, 0.9, 19)[:, None]
    found = jax.jit(lambda x: regression.predict(params, x, scaling, RECIPE))(at)
    np.testing.assert_allclose(found.mean, 3 + at[:, 0] + at[:, 0] ** 2, atol=0.06)
    assert found.model[at[:, 0] < -0.15].mean() == pytest.approx(0.05, rel=0.2)
    assert found.model[at[:, 0] > 0.15].mean() == pytest.approx(0.15, rel=0.2)
    # networks differ by less than the noise where there are points
    assert (found.spread < found.model).all()
    np.testing.assert_allclose(found.error**2, found.model**2 + found.spread**2, rtol=1e-5)


def test_an_ensemble_spreads_where_there_are_no_points(ensemble):
    params, scaling = ensemble
    found = regression.predict(params, jnp.array([[0.5], [4.0]]), scaling, RECIPE)
    assert found.spread[1] > 5 * found.spread[0]


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
