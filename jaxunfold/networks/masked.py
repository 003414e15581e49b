"""Networks with autoregressive masks (MADE): output i sees the components before i, and the condition.

Germain et al., arXiv:1502.03509, section 3; Papamakarios et al., arXiv:1705.07057. Plain matrices, since masks and
single outputs are easier on them than on modules.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.networks.base import activation_of


class Autoregressive(NamedTuple):
    """A masked network of (x, cond) whose share that sees only cond is computed ahead.

    init: key -> params. context: (params, cond [c]) -> [hidden].
    apply: (params, x [d], context) -> [d, size]; row i depends on x[:i] alone.
    one: (params, x [d], context, i) -> [size], the row i; i may be traced.
    """

    init: Callable
    context: Callable
    apply: Callable
    one: Callable


def masks(dim: int, hidden: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks [d, h], [h, h], [h, d] of the first, the inner and the last matrix.

    Hidden unit k has degree k modulo d, the number of components that it may see: of degree 0 are the units through
    which the first output depends on the condition.
    """
    degree, place = np.arange(hidden) % dim, np.arange(dim)
    return place[:, None] < degree, degree[:, None] <= degree, degree[:, None] <= place


def autoregressive(
    dim: int,
    cond: int,
    size: int,
    hidden: int = 128,
    layers: int = 2,
    activation: str = "relu",
    residual: bool = False,
) -> Autoregressive:
    """A masked network with ``layers`` hidden layers of ``hidden`` units; its output starts at zero.

    Args:
      dim: Components of an event. cond: size of the condition.
      size: Numbers for each component.
      hidden: Units per hidden layer, at least dim. layers: Number of hidden layers, at least 1.
      activation: A key of ``networks.ACTIVATIONS``.
      residual: Add each further hidden layer to its input.
    Raises: ValueError if layers < 1, hidden < dim or the activation is unknown.
    """
    if layers < 1:
        raise ValueError(f"layers: expected at least 1, got {layers}")
    if hidden < dim:
        raise ValueError(f"hidden: expected at least dim={dim} units for autoregressive masks, got {hidden}")
    act = activation_of(activation)
    first, inner, last = masks(dim, hidden)
    normal = jax.nn.initializers.lecun_normal()

    def init(key):
        keys = jax.random.split(key, layers + 1)
        return {
            "from_cond": {"kernel": normal(keys[0], (cond, hidden)), "bias": jnp.zeros(hidden)},
            "from_x": {"kernel": normal(keys[1], (dim, hidden))},
            "inner": [{"kernel": normal(k, (hidden, hidden)), "bias": jnp.zeros(hidden)} for k in keys[2:]],
            # zero, so that every flow starts as the identity
            "last": {"kernel": jnp.zeros((hidden, dim * size)), "bias": jnp.zeros(dim * size)},
        }

    def context(params, cond):
        return cond @ params["from_cond"]["kernel"] + params["from_cond"]["bias"]

    def features(params, x, ctx):
        h = act(x @ (params["from_x"]["kernel"] * first) + ctx)
        for dense in params["inner"]:
            new = act(h @ (dense["kernel"] * inner) + dense["bias"])
            h = h + new if residual else new
        return h

    def apply(params, x, ctx):
        kernel = params["last"]["kernel"] * np.repeat(last, size, axis=1)
        return (features(params, x, ctx) @ kernel + params["last"]["bias"]).reshape(dim, size)

    def one(params, x, ctx, i):
        kernel = jax.lax.dynamic_slice_in_dim(params["last"]["kernel"], i * size, size, axis=1)
        bias = jax.lax.dynamic_slice_in_dim(params["last"]["bias"], i * size, size)
        seen = jnp.asarray(last)[:, i]
        return features(params, x, ctx) @ (kernel * seen[:, None]) + bias

    return Autoregressive(init, context, apply, one)
