"""Logarithmic tails: what a latent far out is turned into stays near what the training saw."""

import jax.numpy as jnp

from jaxunfold.bijections.base import Bijection, no_context
from jaxunfold.networks import soft_limit

FAR = 20.0
"""Where the exponential goes over into a straight line, so that no slope overflows."""


def tails(dim: int, bound: float) -> Bijection:
    r"""The identity within +- bound, an exponential beyond: y = sign(x) (b + e^{|x| - b} - 1), with one slope at b.

    The way back, from latent to truth, is logarithmic: affine layers have no bound of their own, and one draw in a
    million would otherwise end at a momentum beyond any number.

    Raises: ValueError if bound <= 0.
    """
    if bound <= 0:
        raise ValueError(f"tails: expected a bound > 0, got {bound}")
    slope = jnp.exp(FAR)

    def forward(params, x, context):
        beyond = jnp.maximum(jnp.abs(x) - bound, 0.0)
        near = jnp.minimum(beyond, FAR)
        inside = jnp.maximum(jnp.minimum(x, bound), -bound)
        return inside + jnp.sign(x) * (jnp.expm1(near) + (beyond - near) * slope), jnp.sum(near)

    def inverse(params, y, context):
        x = soft_limit(y, bound)
        return x, -forward(params, x, context)[1]

    return Bijection(lambda key: {}, no_context, forward, inverse)
