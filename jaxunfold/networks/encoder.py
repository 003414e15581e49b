"""Condition networks: a measured event as a vector [c], found by name in ``ENCODERS``.

What reads the event is the same for every method that is conditional on it. Inputs far beyond what standardised ones
are (``base.SEEN``) are compressed first.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from jaxunfold.networks.attention import set_encoder
from jaxunfold.networks.base import SEEN, soft_limit
from jaxunfold.networks.dense import mlp
from jaxunfold.types import Spec


class Encoder(NamedTuple):
    """init: key -> params. apply: (params, reco of one event) -> [size]. size: of the condition."""

    init: Callable
    apply: Callable
    size: int


def dense_encoder(spec: Spec, output: int, layers: int = 2, units: int = 256, activation: str = "relu") -> Encoder:
    """A fully connected network of the features: thesis section 2.4.3.

    Args:
      spec: The problem. output: size of the condition, c.
      layers: Hidden layers; 0 makes it linear. units: of each.
    """
    net = mlp(spec.cond_dim, [units] * layers, output, activation)
    return Encoder(net.init, lambda params, reco: net.apply(params, soft_limit(reco.features, SEEN)), output)


def attention_encoder(
    spec: Spec,
    output: int,
    layers: int = 2,
    units: int = 64,
    heads: int = 4,
    widening: int = 2,
    pairs: bool = True,
    activation: str = "relu",
) -> Encoder:
    """Attention over the measured objects and a token of the event's features: see ``networks.attention``.

    It is blind to the order of the objects, not to that of the features: choose features of the event as a whole.

    Args:
      spec: The problem. output: size of the condition, c.
      layers: Of attention. units: of a token. heads: of a layer. widening: of its dense part.
      pairs: Show the kinematics of pairs of objects, where the features have them.
    Raises: ValueError for a table, which has no objects.
    """
    if not spec.num_objects:
        raise ValueError("condition.kind: 'attention' expected measured objects, found a table")
    shown = spec.pairs if pairs else None
    size = 3 if shown is not None else 0
    net = set_encoder(
        spec.cond_dim, spec.object_dim, size, output, units, layers, heads, widening, activation=activation
    )

    def apply(params, reco):
        mask = jnp.ones(reco.objects.shape[:1], bool) if reco.mask is None else reco.mask
        together = None if shown is None else shown(reco.objects)
        return net.apply(params, soft_limit(reco.features, SEEN), soft_limit(reco.objects, SEEN), mask, together)

    return Encoder(net.init, apply, output)


ENCODERS: dict[str, Callable] = {"dense": dense_encoder, "attention": attention_encoder}


def build_encoder(spec: Spec, kind: str = "dense", output: int = 64, **options) -> Encoder:
    """A condition network by name; where nothing is measured (an unconditional density), an empty one.

    Raises: ValueError if the name is unknown or output < 1.
    """
    if kind not in ENCODERS:
        raise ValueError(f"condition.kind: expected one of {', '.join(ENCODERS)}, got {kind!r}")
    if output < 1:
        raise ValueError(f"condition.output: expected at least 1, got {output}")
    if not spec.cond_dim:
        return Encoder(lambda key: {}, lambda params, reco: reco.features, 0)
    return ENCODERS[kind](spec, output, **options)
