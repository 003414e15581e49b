"""Binary pixels that a gradient goes through: what networks of images end with."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float


def logits_of_mean(images: Float[Array, "n p"], least: float = 0.5) -> Float[Array, " p"]:
    """log p / (1 - p) of each pixel's mean; one that is never on counts as on in ``least`` images."""
    n = images.shape[0]
    on = jnp.clip(jnp.sum(images, axis=0), least, n - least) / n
    return jnp.log(on) - jnp.log1p(-on)


def standard(images: Float[Array, "n p"]) -> Callable:
    """x [p] -> what a network sees: without the mean image, with the pixels' rms deviation as the unit."""
    mean = jnp.mean(images, axis=0)
    unit = jnp.sqrt(jnp.mean(mean * (1 - mean)) + 1e-12)
    return lambda x: (x - mean) / unit


def sample(logits: Float[Array, "*n"], r: Float[Array, "*n"], noise: float = 1.0) -> Float[Array, "*n"]:
    """Pixels of 0 and 1 with probability sigmoid(logit / noise), from standard normal numbers r.

    A pixel is on where logit + noise * (a logistic number) is positive; backwards it is sigmoid of that sum, the
    straight-through form of arXiv:1611.01144, section 2.2.
    """
    soft = jax.nn.sigmoid(logits + noise * (log_ndtr(r) - log_ndtr(-r)))
    return soft + jax.lax.stop_gradient((soft > 0.5) - soft)


def cross_entropy(logits: Float[Array, "*n p"], image: Float[Array, "*n p"]) -> Float[Array, "*n"]:
    """-log P(image) of independent pixels, in nats, summed over them."""
    return jnp.sum(jax.nn.softplus(logits) - image * logits, axis=-1)
