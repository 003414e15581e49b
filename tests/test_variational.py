"""The mean-field posterior, its KL in closed form, the evidence lower bound, and the local reparametrisation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from jaxunfold import networks, variational
from jaxunfold.bijections.flows import build_flow
from jaxunfold.losses.elbo import negative_elbo

pytestmark = pytest.mark.usefixtures("quick_compile")

TREE = {"w": jnp.array([0.3, -1.2]), "b": jnp.array(0.5), "rank": jnp.array([1.0, 0.0]), "knots": jnp.ones(3)}
POSTERIOR = variational.Posterior(
    TREE, {"w": jnp.array([-1.0, 0.2]), "b": jnp.array(-0.3), "rank": jnp.zeros(2), "knots": jnp.zeros(3)}
)


def test_kl_is_the_integral_over_each_weight(x64):
    """Weights are independent, so their divergences add up; what is never trained has none."""
    width, exact = 0.7, 0.0
    for name in ("w", "b"):
        for mean, log_width in zip(np.atleast_1d(TREE[name]), np.atleast_1d(POSTERIOR.log_width[name])):
            q, p = stats.norm(mean, np.exp(log_width)), stats.norm(0, width)
            exact += integrate.quad(lambda x, q=q, p=p: q.pdf(x) * (q.logpdf(x) - p.logpdf(x)), -20, 20)[0]
    np.testing.assert_allclose(variational.kl_to_prior(POSTERIOR, width), exact, rtol=1e-5)
    same = variational.Posterior({"w": jnp.zeros(3)}, {"w": jnp.full(3, np.log(width))})
    np.testing.assert_allclose(variational.kl_to_prior(same, width), 0, atol=1e-7)


def test_samples_have_the_means_and_widths_and_fixed_leaves_stay():
    """20,000 samples: mean within 5 sigma / sqrt(20000), width within 5 / sqrt(40000): 1e-6 false alarms."""
    drawn = jax.vmap(lambda key: variational.sample(POSTERIOR, key))(jax.random.split(jax.random.key(0), 20_000))
    width = variational.widths(POSTERIOR)
    for name in ("w", "b"):
        np.testing.assert_array_less(np.abs(drawn[name].mean(0) - TREE[name]), 0.036 * width[name])
        np.testing.assert_allclose(drawn[name].std(0), width[name], rtol=0.026)
    for name in ("rank", "knots"):
        np.testing.assert_array_equal(drawn[name], np.broadcast_to(TREE[name], drawn[name].shape))
        np.testing.assert_array_equal(width[name], np.zeros_like(TREE[name]))


def test_the_bound_is_largest_at_the_exact_posterior(x64):
    """Normal data of known width with a normal prior of the mean: the ELBO's optimum is the conjugate posterior, and
    its value there the evidence; with weights, as if there were (sum w)^2 / sum w^2 events."""
    rng = np.random.default_rng(0)
    n, prior = 40, 2.0
    x, weight = rng.normal(0.7, 1, n), rng.uniform(0.2, 3, n)
    weight = weight / weight.mean()
    for w in (np.ones(n), weight):
        count = w.sum() ** 2 / np.sum(w**2)
        precision = count + 1 / prior**2
        mean, width = count * np.average(x, weights=w) / precision, precision**-0.5

        def loss(params, w=w, count=count):
            # E over q of the likelihood is exact for two points at +- one width
            posterior = variational.Posterior({"m": params[0]}, {"m": params[1]})
            theta = posterior.mean["m"] + jnp.exp(posterior.log_width["m"]) * jnp.array([-1.0, 1.0])
            nll = 0.5 * (x - theta[:, None]) ** 2 + 0.5 * np.log(2 * np.pi)
            return negative_elbo(nll, jnp.asarray(w), variational.kl_to_prior(posterior, prior), count)

        best = jnp.array([mean, np.log(width)])
        np.testing.assert_allclose(jax.grad(loss)(best), 0, atol=1e-8)
        assert np.all(np.linalg.eigvalsh(jax.hessian(loss)(best)) > 0)
        if w is not weight:
            evidence = stats.multivariate_normal(np.zeros(n), np.eye(n) + prior**2).logpdf(x)
            np.testing.assert_allclose(-n * loss(best), evidence, rtol=1e-6)


@pytest.fixture(scope="module")
def flow():
    """A flow of two blocks with weights that are not zero, and widths of 0.05."""
    bijection = build_flow(2, 0, layer="affine", blocks=2, hidden=16, layers=2)
    params = bijection.init(jax.random.key(0))
    keys = iter(jax.random.split(jax.random.key(1), 100))
    params = variational.map_free(lambda x: x + 0.1 * jax.random.normal(next(keys), x.shape), params)
    return bijection, variational.start(params, 0.05)


def nll(bijection, params, x):
    z, log_det = bijection.forward(params, x, bijection.context(params, jnp.zeros(0)))
    return 0.5 * jnp.sum(z**2) - log_det


def local_nll(bijection, posterior, x, keys):
    """[n] of events [n, d], each with outputs of its own."""
    width = variational.widths(posterior)
    with networks.drawn_outputs():
        return jax.vmap(lambda x, k: nll(bijection, networks.localise(posterior.mean, width, k), x))(x, keys)


def test_one_event_sees_the_same_distribution_either_way(flow):
    """The loss of one event over 2,000 samples of the weights and of the outputs: mean, width and KS distance; the
    KS test's false-alarm rate is 1e-4."""
    bijection, posterior = flow
    x, keys = jnp.array([0.7, -0.4]), jax.random.split(jax.random.key(2), 2000)
    by_weights = jax.jit(jax.vmap(lambda k: nll(bijection, variational.sample(posterior, k), x)))(keys)
    by_outputs = jax.jit(lambda k: local_nll(bijection, posterior, jnp.tile(x, (len(k), 1)), k))(keys)
    assert stats.ks_2samp(by_weights, by_outputs).pvalue > 1e-4
    np.testing.assert_allclose(by_outputs.std(), by_weights.std(), rtol=0.1)


def test_local_reparametrisation_reduces_the_variance_of_gradients(flow):
    """Of the gradient over a batch of 64 events, all means and widths: the same mean, a smaller variance."""
    bijection, posterior = flow
    x = jax.random.normal(jax.random.key(3), (64, 2))

    def globally(posterior, key):
        params = variational.sample(posterior, key)
        return jnp.mean(jax.vmap(lambda x: nll(bijection, params, x))(x))

    def locally(posterior, key):
        return jnp.mean(local_nll(bijection, posterior, x, jax.random.split(key, len(x))))

    def gradients(loss):
        keys = jax.random.split(jax.random.key(4), 200)
        grads = jax.jit(lambda keys: jax.lax.map(lambda k: jax.grad(loss)(posterior, k), keys))(keys)
        return np.concatenate([np.asarray(leaf).reshape(200, -1) for leaf in jax.tree.leaves(grads)], axis=1)

    by_weights, by_outputs = gradients(globally), gradients(locally)
    ratio = by_outputs.var(0).sum() / by_weights.var(0).sum()
    assert ratio < 0.2, ratio
    error = np.sqrt((by_outputs.var(0) + by_weights.var(0)) / 200)
    used = error > 1e-6
    # squares of about standard normals, a few hundred of them: their mean is 1 with an error below 0.2
    pull = (by_outputs.mean(0) - by_weights.mean(0))[used] / error[used]
    assert np.mean(pull**2) < 2


def test_layers_that_are_not_dense_are_refused():
    net = networks.set_encoder(3, 2, 0, 4, 8, 1, 2, 2, activation="relu")
    params = net.init(jax.random.key(0))
    local = networks.localise(params, jax.tree.map(jnp.zeros_like, params), jax.random.key(1))
    with pytest.raises(ValueError, match="expected dense layers of one vector"), networks.drawn_outputs():
        net.apply(local, jnp.zeros(3), jnp.zeros((2, 2)), jnp.ones(2, bool), None)
