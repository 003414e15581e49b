"""What a generator is here, first one or refiner: a base density, a map of its draws, a training.

Thesis section 4.3 and Table 4.2: a generator g maps a latent space to events, a refiner Phi maps an auxiliary latent
space to the latent space of g. Both may be a GAN (``gan``), a normalizing flow (``flow``) or a continuous flow
(``matching``); the refined latent space of one is then a base like any other.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxunfold.bijections import mixture as mixtures
from jaxunfold.losses.likelihood import standard_normal_log_prob


class Sample(NamedTuple):
    """Events to learn: x [n, d], weight [n], not negative, and what they are conditional on, [n, c], c may be 0."""

    x: Any
    weight: Any
    cond: Any


class Base(NamedTuple):
    """A latent density. dim: l. draw: key -> z [l]. log_prob: z [l] -> []; None where it is not explicit."""

    dim: int
    draw: Callable
    log_prob: Callable | None


class Generator(NamedTuple):
    """Pure functions of one event; callers vmap.

    init: key -> state. step: (state, Sample, key) -> (state, {"loss"}), for the training loops.
    generate: (state, latent [l], cond [c]) -> x [d].
    log_prob: (state, x [d], cond [c]) -> []; None where there is no explicit density.
    base: What latents are drawn from.
    """

    init: Callable
    step: Callable
    generate: Callable
    log_prob: Callable | None
    base: Base


def unconditional(x, weight=None) -> Sample:
    """Events without a condition, of weight one if none is given."""
    n = len(x)
    return Sample(x, np.ones(n, np.float32) if weight is None else weight, np.zeros((n, 0), np.float32))


def normal(dim: int) -> Base:
    """A standard normal."""
    return Base(dim, lambda key: jax.random.normal(key, (dim,)), standard_normal_log_prob)


def mixture(found: mixtures.Mixture) -> Base:
    """A Gaussian mixture, e.g. one fitted to the events themselves, with as many pieces as they have."""
    dim = found.mean.shape[1]
    return Base(dim, lambda key: mixtures.sample(found, key), lambda z: mixtures.log_prob(found, z))


def refined(refiner: Generator, state: Any, dim: int) -> Base:
    """The refined latent space, for another training of the first generator; explicit where the refiner's density is.

    Args:
      refiner: An unconditional one. state: Its trained state. dim: Of the latent space it refines.
    """
    nothing = np.zeros(0, np.float32)
    log_prob = None if refiner.log_prob is None else lambda z: refiner.log_prob(state, z, nothing)
    return Base(dim, lambda key: refiner.generate(state, refiner.base.draw(key), nothing), log_prob)


def draw(generator: Generator, state: Any, key, num: int, batch_size: int = 16384):
    """Unconditional draws: (latents [n, l], events [n, d]), in pieces that bound the memory; pure."""
    nothing = np.zeros(0, np.float32)

    def one(key):
        latent = generator.base.draw(key)
        return latent, generator.generate(state, latent, nothing)

    return jax.lax.map(one, jax.random.split(key, num), batch_size=min(batch_size, num))
