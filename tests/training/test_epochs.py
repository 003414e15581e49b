"""Trainings in memory: every epoch shows every row once, and the caller's state stays whole."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.training.epochs import run_epochs


def test_every_epoch_shows_every_row_once():
    def step(state, batch, key):
        return state + jax.nn.one_hot(batch.astype(int), 12).sum(0), {"loss": jnp.mean(batch)}

    start = jnp.zeros(12)
    found, metrics = run_epochs(jax.random.key(0), start, step, jnp.arange(12.0), batch_size=4, epochs=3)
    np.testing.assert_array_equal(found, 3 * np.ones(12))
    np.testing.assert_array_equal(metrics["loss"], np.full(3, 5.5))
    np.testing.assert_array_equal(start, np.zeros(12))


def test_orders_and_keys_differ():
    def step(state, batch, key):
        return state, {"first": batch[0], "random": jax.random.uniform(key)}

    _, one = run_epochs(jax.random.key(0), jnp.zeros(()), step, jnp.arange(1000.0), batch_size=1000, epochs=3)
    assert len({float(v) for v in one["first"]}) == 3
    assert len({float(v) for v in one["random"]}) == 3
