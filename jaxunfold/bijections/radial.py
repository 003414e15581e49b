"""Radial flow: a stretch towards or away from one point, of an amount that depends on the distance.

Rezende and Mohamed, arXiv:1505.05770, Eq. (14) and appendix A.2; thesis Eq. (1.17).
"""

import jax
import jax.numpy as jnp

from jaxunfold.bijections.base import Bijection
from jaxunfold.bijections.from_cond import from_cond
from jaxunfold.bijections.planar import above_minus_one


def radial(dim: int, cond: int, constrained: bool = True, **network) -> Bijection:
    r"""z = x + beta / (alpha + r) (x - x0) with r = |x - x0|, and x0, alpha > 0, beta from the condition.

    Distances from x0 map monotonically, and the inverse exists, if beta > -alpha. The distance in truth is then the
    positive root of a quadratic equation, r^2 + (alpha + beta - rho) r = alpha rho, with rho = |z - x0|: no search.

    Args:
      dim: Components of an event. cond: size of the condition.
      constrained: False leaves beta as it is; the inverse may then not exist, and is None.
      network: Options of ``networks.conditioner``, for the network of the condition.
    """

    def start(key):
        # beta = 0 is the identity
        return jnp.concatenate([jax.random.normal(key, (dim,)), jnp.zeros(2)])

    init, theta_of = from_cond(cond, start, **network)

    def context(params, cond):
        theta = theta_of(params, cond)
        # bounded below, so that the curvature at the centre stays finite
        alpha = 0.1 + jax.nn.softplus(theta[dim])
        beta = alpha * above_minus_one(theta[dim + 1]) if constrained else theta[dim + 1]
        return theta[:dim], alpha, beta

    def distance(difference):
        # a gradient of zero at the centre, where the distance has a kink
        return jnp.sqrt(jnp.sum(difference**2) + jnp.finfo(difference.dtype).tiny)

    def log_slopes(r, alpha, beta):
        across, along = 1 + beta / (alpha + r), 1 + alpha * beta / (alpha + r) ** 2
        return (dim - 1) * jnp.log(jnp.abs(across)) + jnp.log(jnp.abs(along))

    def forward(params, x, ctx):
        center, alpha, beta = ctx
        r = distance(x - center)
        return x + beta / (alpha + r) * (x - center), log_slopes(r, alpha, beta)

    def inverse(params, z, ctx):
        center, alpha, beta = ctx
        rho = distance(z - center)
        half = 0.5 * (alpha + beta - rho)
        root = jnp.sqrt(half**2 + alpha * rho)
        # of the two forms of the solution the one without a difference of nearly equal numbers
        r = jnp.where(half > 0, alpha * rho / (root + jnp.maximum(half, 0)), root - jnp.minimum(half, 0))
        x = center + (z - center) * (alpha + r) / (alpha + r + beta)
        return x, -log_slopes(r, alpha, beta)

    return Bijection(init, context, forward, inverse if constrained else None)
