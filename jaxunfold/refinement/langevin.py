r"""Langevin sampling of the refined latent space, as discriminator driven latent sampling does it.

Che et al., arXiv:2003.06060, Algorithm 1, the method that thesis section 4.1 sets out from:

    z <- z + eps/2 grad log q(z) + sqrt(eps) n,   n standard normal.

Without a test for acceptance the draws are off by an amount that vanishes with eps; with the Metropolis test of
Roberts and Tweedie (1996), which counts the density of the way back, they are exact.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxunfold.refinement.hmc import Chains, Point, metropolis, point, run_chains
from jaxunfold.types import Key


def transition(log_density: Callable, key: Key, at: Point, step_size, adjusted: bool) -> tuple[Point, Array]:
    """One transition of one chain: (point, whether the proposal was accepted)."""
    noise_key, accept_key = jax.random.split(key)
    noise = jax.random.normal(noise_key, at.z.shape)
    end = point(log_density, at.z + 0.5 * step_size * at.slope + jnp.sqrt(step_size) * noise)
    if not adjusted:
        return end, jnp.ones((), bool)
    back = (at.z - end.z - 0.5 * step_size * end.slope) / jnp.sqrt(step_size)
    gain = end.log_density - at.log_density + 0.5 * jnp.sum(noise**2) - 0.5 * jnp.sum(back**2)
    return metropolis(accept_key, gain, end, at)


def langevin(
    log_density: Callable,
    key: Key,
    start: Float[Array, "c l"],
    *,
    num_draws: int,
    step_size: float = 0.01,
    burn_in: int = 500,
    thin: int = 1,
    adjusted: bool = False,
) -> Chains:
    """Draws of ``len(start)`` chains; pure, to be jitted.

    Args:
      log_density: z [l] -> log q(z), up to a constant. key: A typed key. start: First points.
      num_draws: Kept of each chain, every ``thin``-th. step_size: eps. burn_in: Transitions left out at the start.
      adjusted: With the Metropolis test.
    """

    def kernel(key, at):
        return transition(log_density, key, at, step_size, adjusted)

    return run_chains(kernel, log_density, key, start, num_draws, burn_in, thin)
