"""The KL of encoded events: against numerical integration, its sign, its minimum."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.losses.latent import kl_to_normal


def test_kl_is_the_integral_of_its_definition(x64):
    z = np.linspace(-30, 30, 40001)
    for mean, width in ((0.0, 1.0), (0.7, 0.4), (-1.5, 2.0)):
        log_q = -0.5 * ((z - mean) / width) ** 2 - np.log(width)
        integrand = np.exp(log_q) / np.sqrt(2 * np.pi) * (log_q + 0.5 * z**2)
        found = kl_to_normal(jnp.array([mean]), jnp.log(jnp.array([width])))
        np.testing.assert_allclose(found, np.trapezoid(integrand, z), atol=1e-8)


def test_kl_adds_up_and_is_smallest_at_the_prior(x64):
    mean, log_width = jnp.array([[0.3, -0.2], [1.0, 0.0]]), jnp.array([[0.1, -0.5], [0.2, 0.0]])
    both = kl_to_normal(mean, log_width)
    np.testing.assert_allclose(both, sum(kl_to_normal(mean[:, i : i + 1], log_width[:, i : i + 1]) for i in (0, 1)))
    assert (both > 0).all()
    zero = jnp.zeros(3)
    assert kl_to_normal(zero, zero) == 0
    for argument in (0, 1):
        np.testing.assert_allclose(jax.grad(kl_to_normal, argument)(zero, zero), 0.0)
