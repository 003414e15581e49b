"""Velocity networks of continuous flows, v(x, t | measured event), found by name in ``VELOCITIES``."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from jaxunfold.networks.base import activation_of
from jaxunfold.networks.dense import conditioner
from jaxunfold.networks.transformer import Transformer, particles_of
from jaxunfold.types import Spec


class Velocity(NamedTuple):
    """A network of (x, t, event) whose share that sees only the event is computed ahead.

    init: key -> params.
    context: (params, cond [c], reco of one event) -> whatever depends on the event alone; shared by all its draws
      and by all steps of a solver.
    apply: (params, x [d], t [], context) -> [d].
    """

    init: Callable
    context: Callable
    apply: Callable


def time_features(t, frequencies: int):
    """A time in [0, 1] as [1 + 2 frequencies]: t, sin(pi k t) and cos(pi k t) for k = 1 ... frequencies."""
    angle = jnp.pi * jnp.arange(1, frequencies + 1, dtype=t.dtype) * t
    return jnp.concatenate([t[None], jnp.sin(angle), jnp.cos(angle)])


def mlp_velocity(spec: Spec, cond: int, frequencies: int = 6, **network) -> Velocity:
    """A fully connected network of x, the features of t and the condition; it starts at zero.

    Args:
      spec: The problem. cond: size of the condition.
      frequencies: See ``time_features``.
      network: Options of ``networks.conditioner``.
    """
    net = conditioner(spec.dim + 1 + 2 * frequencies, cond, spec.dim, **network)

    def apply(params, x, t, ctx):
        t = jnp.asarray(t, x.dtype)
        return net.apply(params, jnp.concatenate([x, time_features(t, frequencies)]), ctx)

    return Velocity(net.init, lambda params, cond, reco: net.context(params, cond), apply)


def transformer_velocity(
    spec: Spec,
    cond: int,
    frequencies: int = 6,
    width: int = 64,
    heads: int = 4,
    layers: int = 2,
    reco_tokens: int = 4,
    activation: str = "silu",
) -> Velocity:
    """A transformer over particles; it starts at zero.

    Args:
      spec: The problem; coordinates of one particle, by ``spec.names``, share a token. cond: size of the condition.
      frequencies: See ``time_features``.
      width: Of a token. heads: of the attention. layers: attention to truth, to reco and a network, each so often.
      reco_tokens: Tokens that are made of the condition.
    Raises: ValueError if a number is out of range or the activation unknown.
    """
    activation_of(activation)
    if min(width, heads, layers, reco_tokens) < 1:
        raise ValueError(
            f"velocity: expected width, heads, layers and reco_tokens >= 1, got {width}, {heads}, {layers} "
            f"and {reco_tokens}"
        )
    if width % heads:
        raise ValueError(f"velocity.width: expected a multiple of heads = {heads}, got {width}")
    net = Transformer(particles_of(spec.names), width, heads, layers, reco_tokens, activation)

    def init(key):
        return net.init(
            key, jnp.zeros(spec.dim), jnp.zeros(1 + 2 * frequencies), jnp.zeros(cond), method="everything"
        )

    def context(params, cond, reco):
        return net.apply(params, cond, method="context")

    def apply(params, x, t, ctx):
        return net.apply(params, x, time_features(jnp.asarray(t, x.dtype), frequencies), ctx)

    return Velocity(init, context, apply)


VELOCITIES: dict[str, Callable] = {"mlp": mlp_velocity, "transformer": transformer_velocity}


def build_velocity(spec: Spec, cond: int, kind: str = "mlp", frequencies: int = 6, **options) -> Velocity:
    """A velocity network by name.

    Args:
      spec: The problem. cond: size of the condition.
      kind: A key of ``VELOCITIES``. frequencies, options: of the network.
    Raises: ValueError if the name is unknown or frequencies < 0.
    """
    if kind not in VELOCITIES:
        raise ValueError(f"velocity.kind: expected one of {', '.join(VELOCITIES)}, got {kind!r}")
    if frequencies < 0:
        raise ValueError(f"velocity.frequencies: expected at least 0, got {frequencies}")
    return VELOCITIES[kind](spec, cond, frequencies=frequencies, **options)
