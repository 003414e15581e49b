"""The conditional INN on a posterior known in closed form, and its losses."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from jaxunfold.errors import InputError
from jaxunfold.methods import cinn
from jaxunfold.training.loop import make_loop
from jaxunfold.types import Batch, Reco, Spec

pytestmark = pytest.mark.usefixtures("quick_compile")

# truth ~ N(0, 1), reco = SMEAR truth + NOISE n: the posterior is normal with this covariance and mean
SMEAR, NOISE = np.array([[1.0, 0.5], [-0.3, 0.8]]), 0.5
COVARIANCE = np.linalg.inv(np.eye(2) + SMEAR.T @ SMEAR / NOISE**2)
GAIN = COVARIANCE @ SMEAR.T / NOISE**2
SPEC = Spec(2, 2, ("a", "b"), lambda truth, reco: {"a": 10 * truth[:, 0], "b": truth[:, 1]})
SMALL = {"condition": {"layers": 1, "units": 32, "output": 8}}
FLOW = {"layer": "affine", "blocks": 3, "hidden": 32, "layers": 1}
STEPS, BATCH, EVENTS, DRAWS = 2000, 256, 3000, 60


def build(**options):
    return cinn.build(SPEC, optax.adam(optax.cosine_decay_schedule(5e-3, STEPS)), flow=FLOW, **SMALL, **options)


def sample(key, n):
    truth_key, noise_key = jax.random.split(key)
    truth = jax.random.normal(truth_key, (n, 2))
    reco = truth @ jnp.asarray(SMEAR.T, jnp.float32) + NOISE * jax.random.normal(noise_key, (n, 2))
    return Batch(truth, Reco(reco), jnp.ones(n))


@pytest.fixture(scope="module")
def method():
    return build(ema=0.99)


@pytest.fixture(scope="module")
def trained(method):
    @jax.jit
    def train(key):
        def body(state, key):
            state, metrics = method.step(state, sample(key, BATCH), key)
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
    unfold = jax.jit(method.unfold, static_argnums=3)
    return unfold(jax.random.key(2), trained, held_out.reco, DRAWS)


def test_draws_have_the_posteriors_mean_and_covariance(draws, held_out):
    """Mean over events of (draws - exact mean): its error is sigma / sqrt(3000 60) = 0.002 sigma, of the
    covariance 0.4 per cent; the rest of the bounds is the network's."""
    assert draws.samples.shape == (EVENTS, DRAWS, 2)
    np.testing.assert_array_equal(draws.log_weights, np.zeros((EVENTS, DRAWS)))
    assert draws.member is None
    mean = np.asarray(held_out.reco.features) @ GAIN.T
    residual = np.asarray(draws.samples) - mean[:, None]
    width = np.sqrt(np.diag(COVARIANCE))
    np.testing.assert_array_less(np.abs(residual.mean((0, 1))), 0.03 * width)
    # event by event the mean of 60 draws scatters by 0.13 sigma; 0.16 leaves 0.09 sigma to the network
    np.testing.assert_array_less(residual.mean(1).std(0), 0.16 * width)
    found = np.cov(residual.reshape(-1, 2).T)
    np.testing.assert_allclose(found, COVARIANCE, atol=0.04 * width.max() ** 2)


def test_log_prob_is_the_posteriors(method, trained, held_out):
    """The mean difference is the Kullback-Leibler divergence, which is not negative; its scatter is small."""
    found = np.asarray(jax.jit(method.log_prob)(trained, held_out.truth, held_out.reco))
    mean = np.asarray(held_out.reco.features) @ GAIN.T
    exact = stats.multivariate_normal(cov=COVARIANCE).logpdf(np.asarray(held_out.truth) - mean)
    assert abs(np.mean(exact - found)) < 0.01
    assert np.std(exact - found) < 0.1
    loss = method.evaluate(trained, held_out, jax.random.key(0))["loss"]
    np.testing.assert_allclose(loss, -np.mean(found), rtol=1e-4)


def test_calibration(draws, held_out):
    """Randomised ranks are uniform: with a perfect posterior the sup distance at 3000 events exceeds 0.04 with
    probability 2 exp(-2 3000 0.04^2) = 1.4e-4 for each coordinate."""
    below = np.sum(np.asarray(draws.samples) < np.asarray(held_out.truth)[:, None], axis=1)
    ranks = (below + np.random.default_rng(0).uniform(size=below.shape)) / (DRAWS + 1)
    for i in range(2):
        assert stats.kstest(ranks[:, i], "uniform").statistic < 0.04


def test_draws_of_different_events_are_independent(draws, held_out):
    """Correlation of the first draws' residuals of neighbouring events: 3000 events, 5 sigma = 0.09."""
    residual = np.asarray(draws.samples)[:, 0, 0] - (np.asarray(held_out.reco.features) @ GAIN.T)[:, 0]
    assert abs(np.corrcoef(residual[:-1], residual[1:])[0, 1]) < 0.09


def perturbed(state, scale=0.1):
    rng = np.random.default_rng(7)
    ema = jax.tree.map(lambda p: p + scale * rng.normal(size=p.shape).astype(p.dtype), state.ema)
    return state._replace(ema=ema)


@pytest.mark.parametrize("layer", ["affine", "spline"])
def test_density_integrates_to_one(layer):
    """By the trapezoidal rule on a square, for random weights; the spline's kinks cost 0.001."""
    flow = {**FLOW, "layer": layer}
    flow |= {"bins": 5, "bound": 3.0} if layer == "spline" else {"clamp": 0.5}
    method = cinn.build(SPEC, optax.sgd(1e-3), flow=flow, **SMALL)
    state = perturbed(jax.jit(method.init)(jax.random.key(0), sample(jax.random.key(0), 2)))
    axis = np.linspace(-14, 14, 561)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2).astype(np.float32)
    reco = Reco(jnp.broadcast_to(jnp.asarray([0.4, -1.2]), grid.shape))
    density = np.exp(np.asarray(jax.jit(method.log_prob)(state, jnp.asarray(grid), reco), np.float64))
    total = density.sum() * (axis[1] - axis[0]) ** 2
    np.testing.assert_allclose(total, 1.0, atol=5e-3)


def test_the_loss_is_linear_in_weights_of_either_sign(method, trained, held_out):
    batch = jax.tree.map(lambda a: a[:50], held_out)
    rng = np.random.default_rng(0)
    first, second = (jnp.asarray(rng.normal(size=50), jnp.float32) for _ in range(2))
    evaluate = jax.jit(method.evaluate)

    def loss(weight):
        return evaluate(trained, batch._replace(weight=weight), jax.random.key(0))["loss"]

    np.testing.assert_allclose(loss(2 * first - 3 * second), 2 * loss(first) - 3 * loss(second), rtol=1e-4)
    one = jnp.zeros(50).at[7].set(-50.0)
    exact = method.log_prob(trained, batch.truth[7:8], Reco(batch.reco.features[7:8]))[0]
    np.testing.assert_allclose(loss(one), exact, rtol=1e-4)


def test_step_is_traced_once_and_counts(method):
    step = jax.jit(chex.assert_max_traces(method.step, n=1))
    batch = sample(jax.random.key(3), 16)
    state = jax.jit(method.init)(jax.random.key(0), batch)
    start = state
    for i in range(3):
        state, metrics = step(state, batch, jax.random.key(i))
    assert int(state.step) == 3
    assert set(metrics) == {"loss", "nll"}
    chex.assert_trees_all_equal_shapes_and_dtypes(start, state)


def test_mmd_and_prior_are_terms_of_the_loss():
    method = build(mmd_weight=0.5, mmd_observables=("a",), weight_decay=1e-3)
    batch = sample(jax.random.key(3), 64)
    state = jax.jit(method.init)(jax.random.key(0), batch)
    new, metrics = jax.jit(method.step)(state, batch, jax.random.key(1))
    assert set(metrics) == {"loss", "nll", "prior", "mmd"}
    total = metrics["nll"] + metrics["prior"] + metrics["mmd"]
    np.testing.assert_allclose(metrics["loss"], total, rtol=1e-5)
    named = jax.tree_util.tree_leaves_with_path(state.params)
    # a permutation is drawn, not trained
    squares = sum(np.sum(np.square(leaf)) for path, leaf in named if "rank" not in jax.tree_util.keystr(path))
    np.testing.assert_allclose(metrics["prior"], 1e-3 * 0.5 * squares, rtol=1e-4)
    # four kernels of at most one each: 0 <= MMD^2 <= 8
    assert 0 < metrics["mmd"] < 0.5 * 8
    chex.assert_tree_all_finite(new)


def test_the_weight_of_the_mmd_grows_in_steps():
    """Thesis Table 2.3, right column: 0.04, times 1.6 every 100 epochs."""
    found = cinn.mmd_weight_at(jnp.asarray([0, 99, 100, 250, 900]), 0.04, 1.6, 100)
    np.testing.assert_allclose(found, [0.04, 0.04, 0.064, 0.04 * 1.6**2, 0.04 * 1.6**9], rtol=1e-5)
    method = build(mmd_weight=0.04, mmd_observables=("a",), mmd_growth=1.6, mmd_growth_steps=100)
    batch = sample(jax.random.key(3), 64)
    state = jax.jit(method.init)(jax.random.key(0), batch)
    step = jax.jit(method.step)
    first, later = (step(state._replace(step=jnp.int32(at)), batch, jax.random.key(1))[1]["mmd"] for at in (0, 200))
    np.testing.assert_allclose(later / first, 1.6**2, rtol=1e-5)


def test_the_condition_network_starts_as_the_encoder_of_an_autoencoder(tmp_path):
    """Twenty steps are enough to see it learn, and what the flow starts from is left as it is by steps of size zero;
    started again it goes through neither stage once more."""
    options = {"epochs": 5, "layers": 1, "units": 32, "learning_rate": 1e-2}
    method = cinn.build(SPEC, optax.sgd(0.0), flow=FLOW, **SMALL, pretrain=options)
    data = jax.tree.map(np.asarray, sample(jax.random.key(5), 512))
    seen, stages = [], {}

    def watch(event):
        if event.kind in ("epoch", "start"):
            seen.append((event.stage, event.kind, event.train.get("loss")))

    loop = make_loop(str(tmp_path), data, data, batch_size=128, epochs=1, callbacks=[watch])

    def keep(stage, *functions, **options):
        stages[stage] = loop(stage, *functions, **options)
        return stages[stage]

    state = method.fit(jax.random.key(0), keep)
    assert [stage for stage, kind, _ in seen if kind == "epoch"] == ["autoencoder"] * 5 + ["cinn"]
    losses = [loss for stage, kind, loss in seen if kind == "epoch" and stage == "autoencoder"]
    assert losses[-1] < 0.5 * losses[0]
    chex.assert_trees_all_equal(state.params["condition"], stages["autoencoder"].params["encoder"])
    chex.assert_trees_all_equal(state.ema["condition"], stages["autoencoder"].params["encoder"])
    seen.clear()
    again = method.fit(jax.random.key(0), loop)
    assert not seen
    chex.assert_trees_all_equal(again, state)


def test_refusals():
    with pytest.raises(
        InputError, match=r"mmd_growth: expected a factor > 0 every 1 or more steps, found 0.0 every 1"
    ):
        build(mmd_growth=0.0)
    with pytest.raises(InputError, match=r"pretrain.epochs: expected at least 1, found 0"):
        build(pretrain={"epochs": 0})
    with pytest.raises(InputError, match=r"pretrain.learning_rate: expected a positive number, found 0.0"):
        build(pretrain={"epochs": 1, "learning_rate": 0.0})
    with pytest.raises(InputError, match="mmd_observables: expected at least one observable"):
        build(mmd_weight=1.0)
    method, batch = build(mmd_weight=1.0, mmd_observables=("m_zz",)), sample(jax.random.key(0), 4)
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    with pytest.raises(InputError, match=r"expected names among \('a', 'b'\), found 'm_zz'"):
        jax.eval_shape(method.step, state, batch, jax.random.key(0))
