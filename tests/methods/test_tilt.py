"""The exponential tilt: exact where the data are one, and its refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.methods import tilt
from jaxunfold.types import Batch, Reco, Spec

SPEC = Spec(2, 2, ("a", "b"))


def test_moments_of_a_weighted_sample_are_matched_exactly():
    """Target from the same events with known weights: the tilt is found to the last digits."""
    rng = np.random.default_rng(0)
    f = rng.normal(size=(500, 3))
    g = f + 0.5 * rng.normal(size=f.shape)
    exact, weight = np.array([0.5, -0.3, 0.2]), rng.uniform(0.5, 1.5, 500)
    w = weight * np.exp(f @ exact)
    a, log_w, off = tilt.fit_tilt(f, g, weight, np.average(g, axis=0, weights=w))
    np.testing.assert_allclose(a, exact, atol=1e-6)
    np.testing.assert_allclose(np.average(np.exp(log_w), weights=weight), 1.0)
    np.testing.assert_allclose(log_w - f @ exact, log_w[0] - f[0] @ exact, atol=1e-5)
    assert off < 1e-8
    # a mean beyond every event has no tilt: it comes as near as it can, and says so
    a, log_w, off = tilt.fit_tilt(f, g, weight, np.array([5.0, 0.0, 0.0]))
    assert off > 0.5
    assert a[0] > 2
    assert np.isfinite(log_w).all()


def test_a_gaussian_that_is_shifted_and_narrowed():
    """N(0, 1) to N(0.5, 0.8) is the tilt a = (0.781, 0.5 - 0.781): 40,000 events, 0.05 is five errors of a_1."""
    rng = np.random.default_rng(1)
    n = 40000
    sim, truth = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) * [0.8, 1.0] + [0.5, 0.0]
    sim_reco, reco = (x + 0.5 * rng.normal(size=x.shape) for x in (sim, truth))
    method = tilt.build(SPEC)
    state = method.init(
        None, Batch(*(jnp.asarray(x, jnp.float32) for x in (sim,)), Reco(jnp.asarray(sim_reco)), jnp.ones(n))
    )
    out = method.unfold(jax.random.key(0), state, Reco(jnp.asarray(reco, jnp.float32)), 1)
    assert out.samples.shape == (1, n, 2)
    a = out.info["tilt"]
    np.testing.assert_allclose(a, [0.5 / 0.64, 0, 0.5 * (1 - 1 / 0.64), 0], atol=0.05)
    w = np.exp(np.asarray(out.log_weights[0], np.float64))
    np.testing.assert_allclose(w.mean(), 1.0, rtol=1e-5)
    mean = np.average(sim[:, 0], weights=w)
    np.testing.assert_allclose((mean, np.sqrt(np.average((sim[:, 0] - mean) ** 2, weights=w))), (0.5, 0.8), atol=0.02)


def test_an_observable_and_refusals():
    spec = SPEC._replace(observables=lambda truth, reco: {"sum": 10 * (truth[:, 0] + truth[:, 1]) + 3})
    batch = Batch(jnp.asarray(np.random.default_rng(0).normal(size=(99, 2))), Reco(jnp.zeros((99, 2))), jnp.ones(99))
    f = tilt.build(spec, columns=("b", "sum")).init(None, batch).f
    np.testing.assert_allclose(f[:, 0], batch.truth[:, 1])
    np.testing.assert_allclose(f[:, 3], f[:, 1] ** 2)
    np.testing.assert_array_equal(np.argsort(f[:, 1]), np.argsort(batch.truth.sum(axis=1)))
    with pytest.raises(InputError, match="columns: expected names among a, b, sum, found 'c'"):
        tilt.build(spec, columns=("c",)).init(None, batch)
    with pytest.raises(InputError, match=r"preprocess.relative: expected \(\)"):
        tilt.build(spec._replace(relative=True))
