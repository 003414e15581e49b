"""Coupling: the second half of an event is transformed elementwise, given the first half and the condition.

Dinh et al., arXiv:1605.08803; thesis Eq. (2.22).
"""

from collections.abc import Callable

import jax.numpy as jnp

from jaxunfold import networks
from jaxunfold.bijections.base import Bijection


def coupling(
    dim: int, cond: int, size: int, transform: Callable, inverse_transform: Callable, **network
) -> Bijection:
    """A coupling layer around any elementwise transform.

    Args:
      dim: Components of an event, at least 2. cond: size of the condition.
      size: Numbers that the transform needs for each component.
      transform, inverse_transform: (x [m], theta [m, size]) -> (y [m], log-derivative [m]); the identity at
        theta = 0.
      network: Options of ``networks.conditioner``.
    Raises: ValueError if dim < 2.
    """
    if dim < 2:
        raise ValueError(f"dim: a coupling needs at least 2 components, got {dim}")
    kept = dim // 2
    net = networks.conditioner(kept, cond, (dim - kept) * size, **network)

    def run(elementwise):
        def apply(params, x, ctx):
            first, second = x[:kept], x[kept:]
            theta = net.apply(params, first, ctx).reshape(dim - kept, size)
            second, log_derivative = elementwise(second, theta)
            return jnp.concatenate([first, second]), jnp.sum(log_derivative)

        return apply

    return Bijection(net.init, net.context, run(transform), run(inverse_transform))
