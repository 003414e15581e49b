"""Gaussian mixtures: expectation maximisation climbs, finds known components, and counts weights as copies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxunfold.bijections import mixture

pytestmark = pytest.mark.usefixtures("quick_compile")

MEANS = np.array([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0]])
COVARIANCES = np.array([np.eye(2), [[1.0, 0.6], [0.6, 0.5]], [[0.3, 0.0], [0.0, 2.0]]])
SHARES = np.array([0.5, 0.3, 0.2])


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    which = rng.choice(3, 4000, p=SHARES)
    noise = np.einsum("nij,nj->ni", np.linalg.cholesky(COVARIANCES)[which], rng.normal(size=(4000, 2)))
    return jnp.asarray(MEANS[which] + noise, jnp.float32)


@pytest.fixture(scope="module")
def fitted(points):
    return jax.jit(lambda key, x: mixture.fit(key, x, 3, steps=30))(jax.random.key(1), points)


def test_density_is_the_sum_of_the_components():
    found = mixture.Mixture(
        *(jnp.asarray(a, jnp.float32) for a in (np.log(SHARES), MEANS, np.linalg.cholesky(COVARIANCES)))
    )
    for x in ([0.0, 0.0], [4.0, 1.0]):
        expected = sum(s * stats.multivariate_normal(m, c).pdf(x) for s, m, c in zip(SHARES, MEANS, COVARIANCES))
        np.testing.assert_allclose(jax.jit(mixture.log_prob)(found, jnp.asarray(x)), np.log(expected), rtol=1e-5)


def test_each_step_increases_the_likelihood(fitted):
    _, likelihood = fitted
    assert (np.diff(likelihood) > -1e-5).all()
    assert likelihood[-1] > likelihood[0] + 0.1


def test_it_finds_the_components(fitted):
    """Means within 0.15 and shares within 0.03: five and more of their standard errors at 800 points or more."""
    found, _ = fitted
    order = [int(np.argmin(np.linalg.norm(np.asarray(found.mean) - mean, axis=1))) for mean in MEANS]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(found.mean[np.array(order)], MEANS, atol=0.15)
    np.testing.assert_allclose(np.exp(found.log_share[np.array(order)]), SHARES, atol=0.03)
    root = np.asarray(found.root)[order]
    np.testing.assert_allclose(root @ root.transpose(0, 2, 1), COVARIANCES, atol=0.3)


def test_weights_count_as_copies(points):
    x = points[:50]
    start = mixture.Mixture(jnp.log(jnp.full(2, 0.5)), x[:2], jnp.stack([2 * jnp.eye(2)] * 2))
    em_step = jax.jit(mixture.em_step)
    twice = em_step(start, jnp.concatenate([x, x[:10]]), jnp.ones(60) / 60)
    weighted = em_step(start, x, jnp.where(jnp.arange(50) < 10, 2.0, 1.0) / 60)
    for one, other in zip(jax.tree.leaves(twice), jax.tree.leaves(weighted)):
        np.testing.assert_allclose(one, other, atol=2e-4)


def test_draws_have_its_density(fitted):
    """Mean of log p over draws equals that over the points within five standard errors."""
    found, _ = fitted
    keys = jax.random.split(jax.random.key(2), 4000)
    logs = jax.jit(jax.vmap(lambda key: mixture.log_prob(found, mixture.sample(found, key))))(keys)
    assert abs(float(jnp.mean(logs)) - float(fitted[1][-1])) < 5 * float(jnp.std(logs)) * np.sqrt(2 / 4000)
