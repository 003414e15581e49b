"""Planar flow: a step along one direction, of a height that depends on the position along another.

Rezende and Mohamed, arXiv:1505.05770, Eq. (10) and appendix A.1; thesis Eqs. (1.15) and (1.16).
"""

import jax
import jax.numpy as jnp

from jaxunfold.bijections.base import Bijection
from jaxunfold.bijections.from_cond import from_cond
from jaxunfold.bijections.root import increasing_root

MIN_SLOPE = 1e-2


def above_minus_one(a, margin: float = MIN_SLOPE):
    """A smooth, increasing function from the reals to above -1 + margin, zero at zero."""
    return jax.nn.softplus(a + jnp.log(jnp.expm1(1 - margin))) - (1 - margin)


def planar(dim: int, cond: int, constrained: bool = True, **network) -> Bijection:
    r"""z = x + u tanh(w . x + b), with u, w, b from the condition.

    The map increases along w, and so has an inverse, if u . w > -1: the part of u along w is changed so that it is.
    The inverse is the root of one increasing function of one variable, a + (u . w) tanh(a + b) = w . z.

    Args:
      dim: Components of an event. cond: size of the condition.
      constrained: False leaves u as it is; the inverse may then not exist, and is None.
      network: Options of ``networks.conditioner``, for the network of the condition.
    """

    def start(key):
        w = jax.random.normal(key, (dim,)) / jnp.sqrt(dim)
        # u = 0 is the identity
        return jnp.concatenate([jnp.zeros(dim), w, jnp.zeros(1)])

    init, theta_of = from_cond(cond, start, **network)

    def context(params, cond):
        theta = theta_of(params, cond)
        u, w, b = theta[:dim], theta[dim : 2 * dim], theta[2 * dim]
        if constrained:
            along = jnp.dot(w, u)
            # the small number is for w = 0, where the map is a shift
            u = u + (above_minus_one(along) - along) * w / (jnp.dot(w, w) + 1e-9)
        return u, w, b

    def log_slope(u, w, height):
        return jnp.log(jnp.abs(1 + jnp.dot(u, w) * (1 - height**2)))

    def forward(params, x, ctx):
        u, w, b = ctx
        height = jnp.tanh(jnp.dot(w, x) + b)
        return x + u * height, log_slope(u, w, height)

    def inverse(params, z, ctx):
        u, w, b = ctx
        along, wz = jnp.dot(u, w), jnp.dot(w, z)
        a = increasing_root(lambda a: a + along * jnp.tanh(a + b) - wz, wz - jnp.abs(along), wz + jnp.abs(along))
        height = jnp.tanh(a + b)
        return z - u * height, -log_slope(u, w, height)

    return Bijection(init, context, forward, inverse if constrained else None)
