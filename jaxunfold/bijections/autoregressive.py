"""Autoregressive maps: component i is transformed given the components before it and the condition.

Masked autoregressive flow, Papamakarios et al., arXiv:1705.07057: truth -> latent in one pass, its inverse one
component at a time. Inverse autoregressive flow, Kingma et al., arXiv:1606.04934: the other way round. Thesis
Eqs. (1.22), (1.23).
"""

import jax
import jax.numpy as jnp

from jaxunfold.bijections.affine import soft_clamp
from jaxunfold.bijections.base import Bijection
from jaxunfold.bijections.chain import inverted
from jaxunfold.bijections.rational_quadratic import spline
from jaxunfold.networks.masked import autoregressive

TRANSFORMS = ("affine", "spline")


def masked_autoregressive(
    dim: int,
    cond: int,
    transform: str = "spline",
    bins: int = 8,
    bound: float = 5.0,
    clamp: float = 2.0,
    **network,
) -> Bijection:
    """z_i = h(x_i; theta_i(x_1 ... x_{i-1}, cond)): a density in one network pass, a draw in ``dim`` of them.

    Args:
      dim: Components of an event. cond: size of the condition.
      transform: A member of ``TRANSFORMS``.
      bins, bound: Of the splines. clamp: bound on the affine transform's logarithmic scale.
      network: Options of ``networks.masked.autoregressive``.
    Raises: ValueError if the transform is unknown, bins < 1, bound <= 0 or clamp <= 0.
    """
    if transform not in TRANSFORMS:
        raise ValueError(f"transform: expected one of {', '.join(TRANSFORMS)}, got {transform!r}")
    if bins < 1 or bound <= 0 or clamp <= 0:
        raise ValueError(f"expected bins >= 1, bound > 0 and clamp > 0, got {bins}, {bound} and {clamp}")
    size = {"affine": 2, "spline": 3 * bins - 1}[transform]
    net = autoregressive(dim, cond, size, **network)

    def elementwise(x, theta, inverse):
        if transform == "spline":
            return spline(x, theta, bound, inverse)
        s, t = soft_clamp(theta[..., 0], clamp), theta[..., 1]
        return ((x - t) * jnp.exp(-s), -s) if inverse else (x * jnp.exp(s) + t, s)

    def forward(params, x, ctx):
        z, log_derivative = elementwise(x, net.apply(params, x, ctx), False)
        return z, jnp.sum(log_derivative)

    def inverse(params, z, ctx):
        def body(x, i):
            value, log_derivative = elementwise(z[i], net.one(params, x, ctx, i), True)
            return x.at[i].set(value), log_derivative

        # the components that are not known yet are masked, whatever stands there
        x, log_derivative = jax.lax.scan(body, jnp.zeros_like(z), jnp.arange(dim))
        return x, jnp.sum(log_derivative)

    return Bijection(net.init, net.context, forward, inverse)


def inverse_autoregressive(dim: int, cond: int, **options) -> Bijection:
    """x_i = h(z_i; theta_i(z_1 ... z_{i-1}, cond)): a draw in one network pass, a density in ``dim`` of them.

    Args: As for ``masked_autoregressive``. Training by likelihood, which needs densities, is slow accordingly.
    """
    return inverted(masked_autoregressive(dim, cond, **options))
