"""The flows that are compared: sizes, how many numbers they train, and the least work of each task."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Architecture(NamedTuple):
    """A condition network, then coupling blocks whose networks see half of the components and the condition.

    layers, cond_layers: Hidden layers, of ``hidden`` and ``cond_units`` units. bins: 0 for affine blocks.
    """

    blocks: int
    hidden: int
    layers: int
    cond_layers: int
    cond_units: int
    cond_size: int
    bins: int = 0
    bound: float = 5.0
    dim: int = 12
    features: int = 16

    @property
    def kept(self) -> int:
        """Components that a block leaves alone; it moves the others, which are as many."""
        return self.dim // 2

    @property
    def outputs(self) -> int:
        """Numbers that the network in a block predicts."""
        return self.kept * (3 * self.bins - 1 if self.bins else 2)


ARCHITECTURES = {
    "affine": Architecture(24, 256, 2, 2, 1024, 256),
    "affine_2M": Architecture(24, 256, 1, 1, 1024, 256),
    "spline": Architecture(10, 256, 2, 2, 1024, 256, bins=10),
    "small": Architecture(6, 64, 2, 2, 128, 32, bins=8),
    "smoke": Architecture(2, 16, 2, 1, 32, 8),
}
"""Thesis Table 2.3, 'no ISR', if 'layers' counts hidden layers; if it counts linear maps; splines; the size of
configs/small.py; for tests."""


def turns(rows: int, batch: int, seed: int) -> Iterator[np.ndarray]:
    """Rows of one batch after the other, epoch after epoch in a new order, without the incomplete last of each."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(rows)
        yield from order[: rows // batch * batch].reshape(-1, batch)


def condition_shapes(a: Architecture) -> list[tuple[int, int]]:
    """Matrices [inputs, outputs] of the condition network."""
    sizes = [a.features, *[a.cond_units] * a.cond_layers, a.cond_size]
    return list(pairwise(sizes))


def block_shapes(a: Architecture) -> list[tuple[int, int]]:
    """Matrices of the network in one block."""
    sizes = [a.kept + a.cond_size, *[a.hidden] * a.layers, a.outputs]
    return list(pairwise(sizes))


def _weights(shapes) -> int:
    return sum(m * n for m, n in shapes)


def parameters(a: Architecture) -> int:
    """Weights and biases of all networks; what a library trains beside them is a few hundred numbers."""
    both = [*condition_shapes(a), *block_shapes(a) * a.blocks]
    return _weights(both) + sum(n for _, n in both)


def training_flops(a: Architecture, batch: int) -> float:
    """Of one step: a multiplication and an addition for each weight, three times, but no gradient by the inputs."""
    weights = _weights(condition_shapes(a)) + a.blocks * _weights(block_shapes(a))
    return 2.0 * batch * (3 * weights - a.features * condition_shapes(a)[0][1])


def log_prob_flops(a: Architecture, events: int) -> float:
    """Every weight once per event."""
    return 2.0 * events * (_weights(condition_shapes(a)) + a.blocks * _weights(block_shapes(a)))


def sample_flops(a: Architecture, events: int, draws: int) -> float:
    """The least: what depends on the condition alone once per event, the rest of each block once per draw."""
    shared = a.blocks * a.cond_size * a.hidden
    per_event = _weights(condition_shapes(a)) + shared
    per_draw = a.blocks * _weights(block_shapes(a)) - shared
    return 2.0 * events * (per_event + draws * per_draw)


def training_bytes(a: Architecture, batch: int) -> float:
    """Least traffic of a step: weights and two moments of Adam read and written, gradients written and read; data."""
    return 4.0 * (8 * parameters(a) + batch * (a.dim + a.features))


def log_prob_bytes(a: Architecture, events: int) -> float:
    """Weights, inputs and densities once."""
    return 4.0 * (parameters(a) + events * (a.dim + a.features + 1))


def sample_bytes(a: Architecture, events: int, draws: int) -> float:
    """Weights and measured events read, draws written."""
    return 4.0 * (parameters(a) + events * (a.features + draws * a.dim))


def gemm_shapes(a: Architecture, rows: int) -> list[tuple[int, int, int]]:
    """Products [m, k] x [k, n] with so many rows: forward, gradient by the inputs, gradient by the weights."""
    layers = sorted(set(condition_shapes(a) + block_shapes(a)))
    forward = [(rows, m, n) for m, n in layers]
    return [*forward, *((rows, n, m) for m, n in layers), *((m, rows, n) for m, n in layers)]
