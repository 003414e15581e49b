"""Networks of (x, cond) that change by at most a fixed factor as much as x does.

Behrmann et al., arXiv:1811.00995; Chen et al., arXiv:1906.02735. Each matrix that x passes through is scaled down
where an upper bound of its spectral norm is above what it may be. The bound is the Schatten norm of order 32,
(sum of the singular values' 32nd powers)^(1/32): differentiable, without a power iteration's state, never below the
spectral norm and above it by at most n^(1/32) for rank n, 14 per cent for 64 units.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxunfold.networks.base import ACTIVATIONS

STEEPEST = {"relu": 1.0, "leaky_relu": 1.0, "tanh": 1.0, "silu": 1.1, "gelu": 1.13}
"""Upper bounds of each activation's slope."""


class Contractive(NamedTuple):
    """init: key -> params. context: (params, cond [c]) -> [hidden]. scaled: params -> weights that keep the bound.
    apply: (weights, x [d], context) -> [d].
    """

    init: Callable
    context: Callable
    scaled: Callable
    apply: Callable


def _times(x, layer):
    # in full precision: rounded to a GPU's default of ten bits the map has steps, and no iteration comes to rest
    return jnp.matmul(x, layer["kernel"], precision=jax.lax.Precision.HIGHEST)


def spectral_bound(matrix):
    """The Schatten norm of order 32, an upper bound of the spectral norm, tight within n^(1/32)."""
    # a matrix of zeros, as the last one is at the start, must not make gradients of 0 / 0
    empty = jnp.all(matrix == 0)
    matrix = jnp.where(empty, jnp.ones_like(matrix), matrix)
    size = jnp.sqrt(jnp.sum(matrix**2))
    unit = matrix / size
    square = unit @ unit.T if matrix.shape[0] < matrix.shape[1] else unit.T @ unit
    logarithm = 0.0
    for power in (2, 4, 8, 16):
        square = jnp.matmul(square, square, precision=jax.lax.Precision.HIGHEST)
        # kept near one: high powers of numbers below one underflow
        trace = jnp.trace(square) + jnp.finfo(matrix.dtype).tiny
        square, logarithm = square / trace, logarithm + jnp.log(trace) / (2 * power)
    return jnp.where(empty, 0.0, size * jnp.exp(logarithm))


def contractive(
    dim: int,
    cond: int,
    lipschitz: float = 0.9,
    hidden: int = 64,
    layers: int = 2,
    activation: str = "silu",
) -> Contractive:
    """A network [dim] -> [dim] with ``layers`` hidden layers, its slope in x at most ``lipschitz``; zero at first.

    Args:
      dim: Components of an event. cond: size of the condition, which may act as strongly as it likes.
      lipschitz: Largest |f(x) - f(y)| / |x - y|, below 1.
      hidden: Units per hidden layer. layers: Number of hidden layers, at least 1.
      activation: A key of ``STEEPEST``; a smooth one, if derivatives of the map matter as in a density.
    Raises: ValueError if layers < 1, lipschitz is not between 0 and 1, or the activation is unknown.
    """
    if layers < 1:
        raise ValueError(f"layers: expected at least 1, got {layers}")
    if not 0 < lipschitz < 1:
        raise ValueError(f"lipschitz: expected a number between 0 and 1, got {lipschitz}")
    if activation not in STEEPEST:
        raise ValueError(f"activation: expected one of {', '.join(STEEPEST)}, got {activation!r}")
    normal = jax.nn.initializers.lecun_normal()
    share = lipschitz ** (1 / (layers + 1))

    def act(x):
        return ACTIVATIONS[activation](x) / STEEPEST[activation]

    def init(key):
        keys = jax.random.split(key, layers + 1)
        return {
            "from_cond": {"kernel": normal(keys[0], (cond, hidden)), "bias": jnp.zeros(hidden)},
            "from_x": {"kernel": normal(keys[1], (dim, hidden))},
            "inner": [{"kernel": normal(k, (hidden, hidden)), "bias": jnp.zeros(hidden)} for k in keys[2:]],
            # zero, so that every flow starts as the identity
            "last": {"kernel": jnp.zeros((hidden, dim)), "bias": jnp.zeros(dim)},
        }

    def context(params, cond):
        return cond @ params["from_cond"]["kernel"] + params["from_cond"]["bias"]

    def scaled(params):
        def shrink(layer):
            bound = spectral_bound(layer["kernel"])
            return {**layer, "kernel": layer["kernel"] * (share / jnp.maximum(bound, share))}

        return {
            "from_x": shrink(params["from_x"]),
            "inner": [shrink(layer) for layer in params["inner"]],
            "last": shrink(params["last"]),
        }

    def apply(weights, x, ctx):
        h = act(_times(x, weights["from_x"]) + ctx)
        for layer in weights["inner"]:
            h = act(_times(h, layer) + layer["bias"])
        return _times(h, weights["last"]) + weights["last"]["bias"]

    return Contractive(init, context, scaled, apply)
