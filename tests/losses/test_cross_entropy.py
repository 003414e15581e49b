"""Cross entropy of weighted samples: its minimum is the log of the density ratio, in closed form."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.losses.classifier import binary_cross_entropy


def test_minimum_is_the_log_of_the_ratio_of_weights():
    """At a point where the samples have weights w and v, f / (1 - f) = w / v; also for w < 0 < w + v in sum."""
    weight, against = jnp.array([0.2, 1.0, 3.0, 1e-3]), jnp.array([0.7, 1.0, 1e-2, 5.0])
    logit = jnp.log(weight) - jnp.log(against)
    slope = jax.vmap(jax.grad(binary_cross_entropy))(logit, weight, against)
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    curvature = jax.vmap(jax.grad(jax.grad(binary_cross_entropy)))(logit, weight, against)
    np.testing.assert_allclose(curvature, weight * against / (weight + against), rtol=1e-5)
    assert (binary_cross_entropy(logit + 0.1, weight, against) > binary_cross_entropy(logit, weight, against)).all()


def test_both_labels_at_once_are_two_rows_and_logits_do_not_overflow():
    logit, w, v = jnp.array([-200.0, 0.3, 200.0]), jnp.array([1.0, -2.0, 0.5]), jnp.array([0.5, 1.0, 2.0])
    both = binary_cross_entropy(logit, w, v)
    apart = binary_cross_entropy(logit, w, 0 * v) + binary_cross_entropy(logit, 0 * w, v)
    np.testing.assert_allclose(both, apart, rtol=1e-6)
    np.testing.assert_allclose(both[jnp.array([0, 2])], [200.0, 400.0])
