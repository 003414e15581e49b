"""Bayesian flows, ensembles and the bootstrap on a small unconditional density; many networks in one Unfolded."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold import predictive
from jaxunfold.errors import InputError
from jaxunfold.methods import METHODS, ensemble
from jaxunfold.metrics import covariance
from jaxunfold.types import Batch, Reco, Spec

pytestmark = pytest.mark.usefixtures("quick_compile")

EVENTS, STEPS = 1000, 300
SPEC = Spec(2, 0, ("x", "y"), num_events=EVENTS)
BASE = {
    "base": "cinn",
    "base_model": {"flow": {"layer": "affine", "blocks": 2, "hidden": 8, "layers": 1}, "condition": {}, "ema": 0.9},
}


def data(n=EVENTS):
    x = jax.random.normal(jax.random.key(5), (n, 2)) * jnp.array([1.0, 0.5]) + jnp.array([0.3, 0.0])
    return Batch(x, Reco(jnp.zeros((n, 0))), jnp.ones(n))


def trained(method, batch):
    def train(key):
        def body(state, key):
            rows = jax.random.randint(key, (128,), 0, EVENTS)
            state, metrics = method.step(state, jax.tree.map(lambda a: a[rows], batch), key)
            return state, metrics["loss"]

        return jax.lax.scan(body, method.init(key, batch), jax.random.split(key, STEPS))

    return jax.jit(train)(jax.random.key(0))


@pytest.fixture(scope="module", params=["bayesian", "ensemble"])
def fitted(request):
    options = {"members": 4} | ({"start_width": 0.03} if request.param == "bayesian" else {"bootstrap": True})
    method = METHODS[request.param](SPEC, optax.adam(1e-2), **BASE, **options)
    state, losses = trained(method, data())
    assert losses[-50:].mean() < losses[:50].mean()
    return method, state


def test_draws_say_which_network_they_are_from(fitted):
    method, state = fitted
    unfolded = jax.jit(method.unfold, static_argnums=3)(jax.random.key(1), state, Reco(jnp.zeros((3, 0))), 10)
    assert unfolded.samples.shape == (3, 10, 2)
    np.testing.assert_array_equal(unfolded.member, np.broadcast_to(np.arange(10) % 4, (3, 10)))
    assert method.members == 4


def test_density_and_its_spread_are_those_of_the_members(fitted):
    """The mean density integrates to one by the trapezoidal rule; the relative spread is positive and moderate."""
    method, state = fitted
    axis = jnp.linspace(-5, 5, 81)
    points = jnp.stack(jnp.meshgrid(axis, axis), -1).reshape(-1, 2)
    reco = Reco(jnp.zeros((len(points), 0)))
    p = jnp.exp(jax.jit(method.log_prob)(state, points, reco))
    np.testing.assert_allclose(jnp.sum(p) * (axis[1] - axis[0]) ** 2, 1, atol=0.01)
    inside = p > 0.05
    spread = jax.jit(method.uncertainty)(state, points, reco)[inside]
    assert spread.min() > 0
    assert spread.max() < 1


def test_multiplicities_are_poisson_and_independent():
    """20,000 events: mean and variance within 5 sigma of 1 (0.035, 0.09), correlation below 5 / sqrt(n)."""
    batch = data(20_000)
    first, second = (np.asarray(ensemble.multiplicity(batch, m)) for m in (0, 1))
    for counts in (first, second):
        assert abs(counts.mean() - 1) < 0.035
        assert abs(counts.var() - 1) < 0.09
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.036
    half = jax.tree.map(lambda a: a[::-1][:50], batch)
    np.testing.assert_array_equal(ensemble.multiplicity(half, 0), first[::-1][:50])


def test_marginals_either_way_agree_with_the_closed_form():
    """Normals of means a member each: from fresh points and from shared ones, with their statistical error; the
    spread from shared points is the exact one within 5 per cent."""
    means, edges = jnp.array([-0.1, 0.0, 0.1, 0.2]), jnp.linspace(-2, 2, 9)

    def log_prob(mean, x):
        return jax.scipy.stats.norm.logpdf(x[:, 0], mean)

    def sample(mean, key, n):
        return mean + jax.random.normal(key, (n, 1))

    exact = jnp.diff(jax.scipy.stats.norm.cdf(edges[None], means[:, None]), axis=1) / jnp.diff(edges)
    fresh = predictive.fresh_marginal(
        lambda m, k, n: sample(m, k, n)[:, 0], means, jax.random.key(0), edges, 100_000, 10_000
    )
    same = predictive.same_marginal(
        sample, log_prob, means, jax.random.key(1), lambda x: x[:, 0], edges, 100_000, 10_000
    )
    for found in (fresh, same):
        np.testing.assert_allclose(found, exact, atol=5 * 0.4**0.5 / (100_000 * 0.5) ** 0.5)
    spread = predictive.predicted(exact).spread
    np.testing.assert_allclose(predictive.predicted(same).spread, spread, rtol=0.05, atol=2e-4)
    x = jnp.array([[0.3], [1.0]])
    at = predictive.density_at(log_prob, means, x)
    each = jax.scipy.stats.norm.pdf(x, means)
    np.testing.assert_allclose(at.mean, each.mean(1), rtol=1e-5)
    np.testing.assert_allclose(at.spread, each.std(1, ddof=1), rtol=1e-4)


def test_covariance_of_members_is_free_of_the_noise_of_draws():
    """Members that are all the same: the variance is zero within 5 of its errors, where the plain one is not."""
    rng = np.random.default_rng(0)
    values, member = rng.normal(size=(4000, 12)), np.broadcast_to(np.arange(12) % 6, (4000, 12))
    weight, edges = np.full(values.shape, 1 / 12), np.linspace(-2, 2, 9)
    found = np.diag(covariance.member_covariance(values, weight, member, edges))
    plain = np.diag(covariance.replica_covariance(covariance.member_spectra(values, weight, member, edges)))
    assert plain.min() > 0
    assert abs(np.mean(found / (plain - found))) < 5 * np.sqrt(2 / 5 / 8)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("bayesian", {"prior_width": 0.0}, "model.prior_width: expected a number > 0"),
        ("bayesian", {"members": 0}, "model.members: expected at least 1"),
        ("bayesian", {"base": "none"}, "model.base: expected one of"),
        ("ensemble", {"members": 1}, "model.members: expected at least 2"),
    ],
)
def test_bad_options_are_refused(method, options, message):
    with pytest.raises(InputError, match=message):
        METHODS[method](SPEC, optax.adam(1e-3), **(BASE | options))


def test_bootstrap_refuses_mirror_images():
    with pytest.raises(InputError, match="mirror images"):
        METHODS["ensemble"](SPEC._replace(copies=4), optax.adam(1e-3), **BASE, bootstrap=True)
