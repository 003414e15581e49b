"""Ways to draw from a refined latent space, each for the draws of measured events: thesis section 4.3.

``SAMPLERS``: (key, parts, state, reco, num_draws, options) -> Unfolded.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxunfold.losses.likelihood import standard_normal_log_prob
from jaxunfold.refinement.calibration import Temperature
from jaxunfold.refinement.hmc import hmc
from jaxunfold.refinement.rejection import resample
from jaxunfold.types import Method, Unfolded


class State(NamedTuple):
    """base: the refined run's state. ratio: the classifier's parameters. calibration: of its logit.

    refiner: the refiner's state; empty for samplers without one.
    """

    base: Any
    ratio: Any
    calibration: Temperature
    refiner: Any


class Parts(NamedTuple):
    """What a sampler is made of; reco is that of many events, [n].

    base: the refined method. dim: of its latents. log_weight: (state, draws [n, k, d], reco) -> [n, k].
    push: (state, latents [n, k, l], reco) -> draws [n, k, d]; None where the method has no such map.
    refiner: the refiner's generator or None.
    """

    base: Method
    dim: int
    log_weight: Callable
    push: Callable | None
    refiner: Any


def weighted(key, parts: Parts, state: State, reco, num_draws: int) -> Unfolded:
    """The base method's draws with their weights: DCTR."""
    drawn = parts.base.unfold(key, state.base, reco, num_draws)
    return Unfolded(drawn.samples, drawn.log_weights + parts.log_weight(state, drawn.samples, reco))


def resampled(key, parts: Parts, state: State, reco, num_draws: int, candidates: int = 4) -> Unfolded:
    """Unweighted draws out of ``candidates`` times as many: rejection with a fixed number of draws of each event."""
    draw_key, pick_key = jax.random.split(key)
    drawn = weighted(draw_key, parts, state, reco, candidates * num_draws)
    keys = jax.random.split(pick_key, len(drawn.samples))
    rows = jax.vmap(lambda key, log_w: resample(key, log_w, num_draws))(keys, drawn.log_weights)
    # in random order: the first of few draws must not be those of the first candidates
    rows = jax.vmap(jax.random.permutation)(keys, rows)
    samples = jnp.take_along_axis(drawn.samples, rows[..., None], axis=1)
    return Unfolded(samples, jnp.zeros(samples.shape[:2]))


def by_chains(
    key,
    parts: Parts,
    state: State,
    reco,
    num_draws: int,
    transitions: int = 5,
    step_size: float = 0.2,
    num_steps: int = 5,
    candidates: int = 1,
) -> Unfolded:
    """One chain for each draw, a few transitions on from latents resampled out of ``candidates`` times as many."""
    start_key, pick_key, chain_key = jax.random.split(key, 3)
    n = len(reco.features)
    start = jax.random.normal(start_key, (n, num_draws * candidates, parts.dim))
    if candidates > 1:
        log_w = parts.log_weight(state, parts.push(state, start, reco), reco)
        rows = jax.vmap(lambda key, w: resample(key, w, num_draws))(jax.random.split(pick_key, n), log_w)
        start = jnp.take_along_axis(start, rows[..., None], axis=1)

    def one(key, start, reco):
        alone = jax.tree.map(lambda a: a[None], reco)

        def log_density(z):
            x = parts.push(state, z[None, None], alone)
            return standard_normal_log_prob(z) + parts.log_weight(state, x, alone)[0, 0]

        return hmc(
            log_density, key, start, num_draws=1, burn_in=transitions - 1, step_size=step_size, num_steps=num_steps
        ).draws[0]

    latents = jax.vmap(one)(jax.random.split(chain_key, n), start, reco)
    return Unfolded(parts.push(state, latents, reco), jnp.zeros((n, num_draws)))


def by_refiner(key, parts: Parts, state: State, reco, num_draws: int) -> Unfolded:
    """Latents made by the refiner, which sees the measured event's features."""
    n = len(reco.features)

    def one(key, features):
        def make(key):
            return parts.refiner.generate(state.refiner, parts.refiner.base.draw(key), features)

        return jax.vmap(make)(jax.random.split(key, num_draws))

    latents = jax.vmap(one)(jax.random.split(key, n), reco.features)
    return Unfolded(parts.push(state, latents, reco), jnp.zeros((n, num_draws)))


SAMPLERS = {"weights": weighted, "resampling": resampled, "hmc": by_chains, "refiner": by_refiner}
NEEDS_LATENTS = ("hmc", "refiner")
