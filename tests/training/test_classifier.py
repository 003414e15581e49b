"""Classifiers trained in one program: they learn a known ratio, and every epoch visits every row."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxunfold.training import classifier as ratios


def test_strides_visit_all_rows():
    rng = np.random.default_rng(0)
    for n in (2, 7, 96, 1000):
        for stride in ratios.strides(rng, n, 16, (2, 3)).ravel():
            assert len(set(int(stride) * np.arange(n) % n)) == n


def test_batches_of_an_epoch_hold_every_row_once():
    """Gradient descent on the mean of x, one batch an epoch's third: three steps see all nine rows."""
    seen = []

    def step(state, batch, key):
        return state + jax.nn.one_hot(batch.x[:, 0].astype(int), 9).sum(0), {}

    data = ratios.TwoSamples(jnp.arange(9.0)[:, None], jnp.ones(9), jnp.ones(9))
    counter = ratios.Classifier(None, None, step, None, None)
    for epochs in (1, 4):
        strides = ratios.strides(np.random.default_rng(epochs), 9, 3, (epochs,))
        seen.append(ratios.train(counter, jnp.zeros(9), data, jnp.asarray(strides), 3))
    np.testing.assert_array_equal(seen, np.array([[1.0], [4.0]]) * np.ones(9))


def test_ratio_of_two_gaussians_with_weights():
    """log N(x; 0.5, 1) / N(x; -0.5, 1) = x, and 3 times the weight adds log 3, within 0.15 for |x| < 1.5."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(0.5, 1, 4000), rng.normal(-0.5, 1, 4000)]).astype(np.float32)[:, None]
    first = (np.arange(8000) < 4000).astype(np.float32)
    log_ratio = ratios.train_log_ratio(
        jax.random.key(0), x, 3 * first, 1 - first, hidden=(16,), epochs=10, batch_size=128, learning_rate=1e-2
    )
    points = np.linspace(-1.5, 1.5, 7, dtype=np.float32)
    np.testing.assert_allclose(log_ratio(points[:, None]), points + np.log(3), atol=0.15)


def test_it_starts_at_one_and_its_step_fits_the_loop():
    net = ratios.build(2, optax.sgd(0.1), (4,))
    batch = ratios.TwoSamples(jnp.ones((3, 2)), jnp.ones(3), jnp.zeros(3))
    state = net.init(jax.random.key(0), batch)
    np.testing.assert_array_equal(net.log_ratio(state.params, batch.x), np.zeros(3))
    after, metrics = net.step(state, batch, jax.random.key(1))
    np.testing.assert_allclose(metrics["loss"], np.log(2), rtol=1e-6)
    assert net.evaluate(after, batch, None)["loss"] < metrics["loss"]
