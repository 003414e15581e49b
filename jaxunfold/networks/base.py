"""What a network is here: pure (init, apply) functions of ONE event; callers vmap."""

import math
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp


@jax.custom_jvp
def relu(x):
    """max(x, 0); its slope is read off its value, which is kept for the gradient anyhow."""
    return jnp.maximum(x, 0)


@relu.defjvp
def _relu_jvp(primals, tangents):
    y = relu(*primals)
    return y, jnp.where(y > 0, tangents[0], 0)


ACTIVATIONS = {
    "relu": relu,
    "silu": nn.silu,
    "gelu": nn.gelu,
    "tanh": jnp.tanh,
    "leaky_relu": nn.leaky_relu,
}


SEEN = 10.0
"""Standardised inputs beyond this are compressed: what a network makes of one at 200 is no extrapolation."""
FAR = math.expm1(20.0)


class Network(NamedTuple):
    """init: key -> params. apply: (params, *inputs) -> output of one event."""

    init: Callable
    apply: Callable


class Conditioner(NamedTuple):
    """A network of (x, cond) whose share that sees only cond is computed ahead.

    init: key -> params. context: (params, cond [c]) -> [hidden]. apply: (params, x [d], context) -> [outputs].
    at_once: (params, x [d], cond [c]) -> [outputs], the same of an event whose context nothing else shares.
    """

    init: Callable
    context: Callable
    apply: Callable
    at_once: Callable


def activation_of(name: str) -> Callable:
    """The activation of a config's name. Raises: ValueError if there is none."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name]


def soft_limit(x, bound: float):
    """x within +- bound, growing by a logarithm beyond, of every component; its slope is continuous and below one."""
    beyond = jnp.maximum(jnp.abs(x) - bound, 0.0)
    # where the logarithm's argument would be too large for a number, it ends in a straight line
    near = jnp.minimum(beyond, FAR)
    inside = jnp.maximum(jnp.minimum(x, bound), -bound)
    return inside + jnp.sign(x) * (jnp.log1p(near) + (beyond - near) / (1 + FAR))


def count(params) -> int:
    """Number of trainable numbers in a parameter tree."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
