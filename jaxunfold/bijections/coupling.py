"""Coupling: some components of an event are transformed elementwise, given the others and the condition.

Dinh et al., arXiv:1605.08803; both halves in one block: thesis Eq. (2.22), after Ardizzone et al., arXiv:1808.04730.
"""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from jaxunfold import networks
from jaxunfold.bijections.base import Bijection
from jaxunfold.bijections.chain import chain


def coupling(
    dim: int,
    cond: int,
    size: int,
    transform: Callable,
    inverse_transform: Callable,
    moved: Sequence[int] | None = None,
    encode: Callable | None = None,
    **network,
) -> Bijection:
    """A coupling layer around any elementwise transform.

    Args:
      dim: Components of an event, at least 2. cond: size of the condition.
      size: Numbers that the transform needs for each component.
      transform, inverse_transform: (x [m], theta [m, size]) -> (y [m], log-derivative [m]); the identity at
        theta = 0.
      moved: The m components that are transformed; None for the second half.
      encode: What the network sees of the dim - m others, [dim - m] -> [inputs]; None for themselves.
      network: Options of ``networks.conditioner``.
    Raises: ValueError if dim < 2.
    """
    if dim < 2:
        raise ValueError(f"dim: a coupling needs at least 2 components, got {dim}")
    kept = dim // 2 if moved is None else dim - len(moved)
    inputs = kept if encode is None else encode(jnp.zeros(kept)).size
    net = networks.conditioner(inputs, cond, (dim - kept) * size, **network)
    if moved is not None:
        order = np.concatenate([np.setdiff1d(np.arange(dim), moved), moved]).astype(np.int32)
        back = np.argsort(order).astype(np.int32)

    def run(elementwise, apply_network):
        def apply(params, x, ctx):
            x = x if moved is None else x[order]
            first, second = x[:kept], x[kept:]
            seen = first if encode is None else encode(first)
            theta = apply_network(params, seen, ctx).reshape(dim - kept, size)
            second, log_derivative = elementwise(second, theta)
            y = jnp.concatenate([first, second])
            return y if moved is None else y[back], jnp.sum(log_derivative)

        return apply

    there, back_again = run(transform, net.apply), run(inverse_transform, net.apply)
    return Bijection(net.init, net.context, there, back_again, at_once=run(transform, net.at_once))


def two_sided(dim: int, cond: int, make: Callable, interleaved: bool = False, **options) -> Bijection:
    """Both halves in one block: the first given the second, then the second given the new first.

    Args:
      make: (dim, cond, moved=components, **options) -> a coupling of these components.
      interleaved: Halves are the even and the odd places, not the first and the last.
    Raises: ValueError if dim < 2.
    """
    place = np.arange(dim)
    halves = (place[::2], place[1::2]) if interleaved else (place[: dim // 2], place[dim // 2 :])
    return chain(*(make(dim, cond, moved=half.tolist(), **options) for half in halves))
