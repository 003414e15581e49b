"""Condition networks: a measured event as a vector [c], found by name in ``ENCODERS``.

What reads the event is the same for every method that is conditional on it.
"""

from collections.abc import Callable
from typing import NamedTuple

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
    return Encoder(net.init, lambda params, reco: net.apply(params, reco.features), output)


ENCODERS: dict[str, Callable] = {"dense": dense_encoder}


def build_encoder(spec: Spec, kind: str = "dense", output: int = 64, **options) -> Encoder:
    """A condition network by name.

    Raises: ValueError if the name is unknown or output < 1.
    """
    if kind not in ENCODERS:
        raise ValueError(f"condition.kind: expected one of {', '.join(ENCODERS)}, got {kind!r}")
    if output < 1:
        raise ValueError(f"condition.output: expected at least 1, got {output}")
    return ENCODERS[kind](spec, output, **options)
