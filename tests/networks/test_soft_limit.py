"""The compression of what no training event was like."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.networks import soft_limit


def test_identity_inside_logarithm_outside():
    x = jnp.asarray([0.0, -9.9, 10.0, 10.0 + np.expm1(2.0), -200.0])
    np.testing.assert_allclose(soft_limit(x, 10.0), [0, -9.9, 10, 12, -10 - np.log1p(190)], rtol=1e-6)


def test_slope_is_continuous_positive_and_finite():
    x = jnp.asarray([0.0, 9.99, 10.0, 10.01, 1e3, 1e12, -1e12])
    slope = jax.vmap(jax.grad(lambda v: soft_limit(v, 10.0)))(x)
    np.testing.assert_allclose(slope[:4], 1, atol=0.02)
    assert (np.asarray(slope) > 0).all()
    assert np.isfinite(soft_limit(jnp.asarray([3e38, -3e38]), 10.0)).all()
