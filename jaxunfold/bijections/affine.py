"""Affine coupling in its all-in-one form: global affine, soft clamp, one half transformed given the other.

Thesis section 2.4.1 and Eq. (2.22); Dinh et al., arXiv:1605.08803; the soft clamp and global affine of
Ardizzone et al., arXiv:1907.02392.
"""

import jax.numpy as jnp

from jaxunfold.bijections.base import Bijection, no_context
from jaxunfold.bijections.coupling import coupling


def soft_clamp(s, clamp: float):
    """A smooth bound |s| < clamp with unit slope at zero: (2 clamp / pi) arctan(pi s / (2 clamp))."""
    return (2 * clamp / jnp.pi) * jnp.arctan(jnp.pi * s / (2 * clamp))


def affine_coupling(dim: int, cond: int, clamp: float = 2.0, **network) -> Bijection:
    """Second half x exp(s) + t with s, t from the first half and the condition; s softly clamped.

    Args:
      dim: Components of an event. cond: size of the condition.
      clamp: Bound on |s|; exp(2 clamp) is the largest relative stretch of one block.
      network: Options of ``networks.conditioner``.
    """

    def transform(x, theta):
        s, t = soft_clamp(theta[..., 0], clamp), theta[..., 1]
        return x * jnp.exp(s) + t, s

    def inverse_transform(z, theta):
        s, t = soft_clamp(theta[..., 0], clamp), theta[..., 1]
        return (z - t) * jnp.exp(-s), -s

    return coupling(dim, cond, 2, transform, inverse_transform, **network)


def global_affine(dim: int) -> Bijection:
    """A learned scale exp(s) and bias b of every component, the same for all events: z = x exp(s) + b."""

    def init(key):
        return {"log_scale": jnp.zeros(dim), "bias": jnp.zeros(dim)}

    def forward(params, x, ctx):
        return x * jnp.exp(params["log_scale"]) + params["bias"], jnp.sum(params["log_scale"])

    def inverse(params, z, ctx):
        return (z - params["bias"]) * jnp.exp(-params["log_scale"]), -jnp.sum(params["log_scale"])

    return Bijection(init, no_context, forward, inverse)
