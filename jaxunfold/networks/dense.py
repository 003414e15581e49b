"""Fully connected networks: the plain one, and the one inside a coupling."""

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp

from jaxunfold.networks.base import Conditioner, Network, activation_of
from jaxunfold.networks.product import dot_general, product

Dense = partial(nn.Dense, dot_general=dot_general)


class _MLP(nn.Module):
    hidden: Sequence[int]
    outputs: int
    activation: str
    residual: bool = False
    zero: bool = False

    @nn.compact
    def __call__(self, x):
        for i, width in enumerate(self.hidden):
            h = activation_of(self.activation)(Dense(width)(x))
            x = x + h if self.residual and i else h
        last = {"kernel_init": nn.initializers.zeros} if self.zero else {}
        return Dense(self.outputs, **last)(x)


class _ConditionerMLP(nn.Module):
    cond: int
    hidden: int
    layers: int
    outputs: int
    activation: str
    residual: bool

    def setup(self):
        if self.cond:
            self.from_cond = Dense(self.hidden)
        else:
            self.bias = self.param("bias", nn.initializers.zeros, (self.hidden,))
        self.from_x = Dense(self.hidden, use_bias=False)
        self.inner = [Dense(self.hidden) for _ in range(self.layers - 1)]
        # zero, so that every flow starts as the identity
        self.last = Dense(self.outputs, kernel_init=nn.initializers.zeros)

    def context(self, cond):
        return self.from_cond(cond) if self.cond else self.bias

    def __call__(self, x, context):
        return self.rest(self.from_x(x) + context)

    def rest(self, h):
        act = activation_of(self.activation)
        h = act(h)
        for dense in self.inner:
            h = h + act(dense(h)) if self.residual else act(dense(h))
        return self.last(h)

    def everything(self, x, cond):
        return self(x, self.context(cond))

    def at_once(self, x, cond):
        if not self.cond:
            return self(x, self.bias)
        # one product in the place of two: that of x alone is short inside, and runs at a third of the rate
        kernels = [dense.variables["params"]["kernel"] for dense in (self.from_cond, self.from_x)]
        h = product(jnp.concatenate([cond, x]), jnp.concatenate(kernels))
        return self.rest(h + self.from_cond.variables["params"]["bias"])


def mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    activation: str = "relu",
    residual: bool = False,
    zero: bool = False,
) -> Network:
    """A fully connected network [inputs] -> [outputs]; no hidden layer makes it linear.

    residual: Add each hidden layer but the first to its input; they are all of one size then.
    zero: Start with an output of zero.
    """
    activation_of(activation)
    module = _MLP(tuple(hidden), outputs, activation, residual, zero)
    return Network(lambda key: module.init(key, jnp.zeros(inputs)), module.apply)


def deep_mlp(inputs: int, outputs: int, activation: str, hidden: int, layers: int, residual: bool = False) -> Network:
    """``mlp`` of ``layers`` hidden layers of equal size.

    Raises: ValueError if there is no layer, or none of its units.
    """
    if layers < 1 or hidden < 1:
        raise ValueError(f"layers, hidden: expected at least 1 of each, got {layers} and {hidden}")
    return mlp(inputs, [hidden] * layers, outputs, activation, residual)


def conditioner(
    inputs: int,
    cond: int,
    outputs: int,
    hidden: int = 128,
    layers: int = 2,
    activation: str = "relu",
    residual: bool = False,
) -> Conditioner:
    """The network inside a coupling: ``layers`` hidden layers of ``hidden`` units; its output starts at zero.

    Args:
      inputs: Size of the part of the event it sees. cond: size of the condition; 0 makes it unconditional.
      outputs: Number of parameters it predicts.
      hidden: Units per hidden layer. layers: Number of hidden layers, at least 1.
      activation: A key of ``ACTIVATIONS``.
      residual: Add each further hidden layer to its input.
    Raises: ValueError if layers < 1 or the activation is unknown.
    """
    if layers < 1:
        raise ValueError(f"layers: expected at least 1, got {layers}")
    activation_of(activation)
    module = _ConditionerMLP(cond, hidden, layers, outputs, activation, residual)

    def init(key):
        return module.init(key, jnp.zeros(inputs), jnp.zeros(cond), method="everything")

    def context(params, cond):
        return module.apply(params, cond, method="context")

    def at_once(params, x, cond):
        return module.apply(params, x, cond, method="at_once")

    return Conditioner(init, context, module.apply, at_once)
