"""The conditional discrepancy in a limit that is known, and where the marginal one is blind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.losses.conditional_mmd import condition_weights, conditional_mmd_squared
from jaxunfold.losses.mmd import mmd_squared


def test_clusters_of_conditions(x64):
    """Two clusters of equal conditions, far apart: (n_c / (n_c + r))^2 MMD^2 of each, summed, over all n events."""
    rng = np.random.default_rng(0)
    sizes, ridge, widths = (7, 5), 0.3, (0.5, 2.0)
    cond = jnp.asarray(np.repeat([[0.0, 0.0], [50.0, 0.0]], sizes, axis=0))
    x, y = jnp.asarray(rng.normal(size=12)), jnp.asarray(rng.normal(1, 2, 12))
    pairs = condition_weights(cond, 1.0, ridge)
    found = conditional_mmd_squared(x, y, pairs, widths)
    parts = (slice(0, 7), slice(7, 12))
    expected = (
        sum((n / (n + ridge)) ** 2 * mmd_squared(x[part], y[part], widths) for n, part in zip(sizes, parts)) / 12
    )
    assert found == pytest.approx(float(expected), rel=1e-6)


def test_it_sees_what_the_marginal_one_does_not(x64):
    """Values swapped between two conditions: the marginal distribution is the same, the conditional one is not."""
    rng = np.random.default_rng(1)
    cond = np.repeat([[-1.0], [1.0]], 100, axis=0) + 0.1 * rng.normal(size=(200, 1))
    y = np.sign(cond[:, 0]) + 0.1 * rng.normal(size=200)
    pairs = condition_weights(jnp.asarray(cond), 0.5, 0.1)
    good, swapped = (
        jnp.asarray(rng.permutation(y[:100]).tolist() + rng.permutation(y[100:]).tolist()),
        jnp.asarray(-y),
    )
    assert mmd_squared(swapped, jnp.asarray(y), (0.5,)) < 0.01
    wrong = conditional_mmd_squared(swapped, jnp.asarray(y), pairs, (0.5,))
    right = conditional_mmd_squared(good, jnp.asarray(y), pairs, (0.5,))
    assert wrong > 5 * right
    slope = jax.grad(conditional_mmd_squared)(swapped, jnp.asarray(y), pairs, (0.5,))
    assert np.isfinite(slope).all()
    assert jnp.sum(slope * (swapped - y)) > 0  # against it is towards the truth


def test_light_events_count_less(x64):
    """An event of weight near zero changes next to nothing."""
    rng = np.random.default_rng(2)
    cond, x, y = (jnp.asarray(rng.normal(size=s)) for s in ((20, 2), (20,), (20,)))
    light = jnp.ones(20).at[0].set(1e-3)
    moved = x.at[0].add(3.0)
    each = [
        float(conditional_mmd_squared(v, y, condition_weights(cond, 1.0, 0.1, w), (1.0,)))
        for w in (jnp.ones(20), light)
        for v in (x, moved)
    ]
    assert abs(each[3] - each[2]) < 0.01 * abs(each[1] - each[0])
