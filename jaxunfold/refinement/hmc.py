r"""Hamiltonian Monte Carlo: many chains side by side, leapfrog steps of one size, unit masses.

Thesis section 4.4.1; Duane et al., Phys. Lett. B 195 (1987) 216; Neal, arXiv:1206.1901, Figure 2. With a fresh normal
momentum r at each transition, the leapfrog of step eps is

    r <- r + eps/2 grad log q(z),   z <- z + eps r,   r <- r + eps/2 grad log q(z),

and the end point is accepted with probability min(1, exp(H_start - H_end)), H = r^2 / 2 - log q(z). ``tuned_hmc``
finds eps by itself, by the expected squared jump: Pasarica, Gelman, Statistica Sinica 20 (2010) 343.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxunfold.types import Key

TUNED_CHAINS = 400
"""Chains that the step size is found on, at most."""
SIZES = tuple(0.02 * 1.3**k for k in range(16))
"""Step sizes to choose from: 0.02 to 1."""
JITTER = 0.3
"""Of the step size of each transition, either way."""


class Chains(NamedTuple):
    """draws: [n, c, l], of c chains. acceptance: fraction of accepted proposals of each chain, [c].

    step_size: of the leapfrog, where the sampler found it.
    """

    draws: Float[Array, "n c l"]
    acceptance: Float[Array, " c"]
    step_size: Float[Array, ""] | None = None


class Point(NamedTuple):
    """Where a chain is: z [l], log q(z) and its gradient [l], so that none is computed twice."""

    z: Array
    log_density: Array
    slope: Array


def point(log_density: Callable, z: Float[Array, " l"]) -> Point:
    """A point with its density and gradient."""
    return Point(z, *jax.value_and_grad(log_density)(z))


def leapfrog(log_density: Callable, at: Point, momentum, step_size, num_steps) -> tuple[Point, Array]:
    """``num_steps`` leapfrog steps of one chain: volume preserving, and back by a flip of the momentum."""

    def body(_, carry):
        at, momentum = carry
        momentum = momentum + 0.5 * step_size * at.slope
        at = point(log_density, at.z + step_size * momentum)
        return at, momentum + 0.5 * step_size * at.slope

    return jax.lax.fori_loop(0, num_steps, body, (at, momentum))


def metropolis(key: Key, gain, end: Point, at: Point) -> tuple[Point, Array]:
    """The end point with probability min(1, e^gain), else where the chain was: (point, whether it was accepted)."""
    # a diverged trajectory is refused, not followed
    accept = jnp.log(jax.random.uniform(key)) < jnp.where(jnp.isfinite(gain), gain, -jnp.inf)
    return jax.tree.map(lambda new, old: jnp.where(accept, new, old), end, at), accept


def transition(log_density: Callable, key: Key, at: Point, step_size, num_steps) -> tuple[Point, Array]:
    """One transition of one chain: (point, whether the proposal was accepted)."""
    momentum_key, accept_key = jax.random.split(key)
    momentum = jax.random.normal(momentum_key, at.z.shape)
    end, last = leapfrog(log_density, at, momentum, step_size, num_steps)
    gain = end.log_density - at.log_density - 0.5 * jnp.sum(last**2) + 0.5 * jnp.sum(momentum**2)
    return metropolis(accept_key, gain, end, at)


def run_chains(
    kernel: Callable,
    log_density: Callable,
    key: Key,
    start: Float[Array, "c l"],
    num_draws: int,
    burn_in: int,
    thin: int,
) -> Chains:
    """Chains of any kernel, (key, point) -> (point, accepted): pure, to be jitted."""

    def advance(at, key):
        return jax.vmap(kernel)(jax.random.split(key, len(start)), at)

    def several(carry, key):
        def once(carry, key):
            at, count = carry
            at, accepted = advance(at, key)
            return (at, count + accepted), None

        carry, _ = jax.lax.scan(once, carry, jax.random.split(key, thin))
        return carry, carry[0].z

    burn_key, key = jax.random.split(key)
    at = jax.vmap(lambda z: point(log_density, z))(start)
    if burn_in:
        at, _ = jax.lax.scan(lambda at, key: (advance(at, key)[0], None), at, jax.random.split(burn_key, burn_in))
    (_, count), draws = jax.lax.scan(several, (at, jnp.zeros(len(start))), jax.random.split(key, num_draws))
    return Chains(draws, count / (num_draws * thin))


def hmc(
    log_density: Callable,
    key: Key,
    start: Float[Array, "c l"],
    *,
    num_draws: int,
    step_size: float = 0.004,
    num_steps: int = 50,
    burn_in: int = 3000,
    thin: int = 1,
) -> Chains:
    """Draws of ``len(start)`` chains; the thesis's step size, number of steps and burn-in. Pure, to be jitted.

    Args:
      log_density: z [l] -> log q(z), up to a constant. key: A typed key. start: First points.
      num_draws: Kept of each chain, every ``thin``-th. step_size, num_steps: Of the leapfrog.
      burn_in: Transitions of each chain that are left out at the start.
    """

    def kernel(key, at):
        return transition(log_density, key, at, step_size, num_steps)

    return run_chains(kernel, log_density, key, start, num_draws, burn_in, thin)


def steps_of(length: float, step_size, most: int):
    """Number of leapfrog steps of a trajectory."""
    return jnp.clip(jnp.round(length / step_size), 1, most).astype(int)


def tune(
    log_density: Callable,
    key: Key,
    start: Float[Array, "c l"],
    *,
    length: float,
    rounds: int = 3,
    sizes: Sequence[float] = SIZES,
    most_steps: int = 50,
) -> Float[Array, ""]:
    """The step size of the largest expected squared jump for one evaluation of the gradient; pure.

    An acceptance to aim at would not do: where a generator has squeezed a gap, the density is steep however small the
    step, and an acceptance of 0.75 is reached at a hundredth of the step that moves best.

    Args:
      log_density, start: As in ``hmc``. length: Step size times number of steps. rounds: Transitions with each size.
      sizes: To choose from. most_steps: Of a trajectory.
    """

    def jump(at, step):
        eps, key = step
        several = steps_of(length, eps, most_steps)

        def once(at, key):
            keys = jax.random.split(key, len(at.z))
            end, _ = jax.vmap(lambda key, at: transition(log_density, key, at, eps, several))(keys, at)
            return end, jnp.mean(jnp.sum((end.z - at.z) ** 2, axis=-1))

        at, squared = jax.lax.scan(once, at, jax.random.split(key, rounds))
        return at, jnp.mean(squared) / several

    at = jax.vmap(lambda z: point(log_density, z))(start[:TUNED_CHAINS])
    sizes = jnp.asarray(sizes)
    _, gain = jax.lax.scan(jump, at, (sizes, jax.random.split(key, len(sizes))))
    return sizes[jnp.argmax(gain)]


def tuned_hmc(
    log_density: Callable,
    key: Key,
    start: Float[Array, "c l"],
    *,
    num_draws: int,
    length: float = 1.5,
    burn_in: int = 20,
    thin: int = 1,
    most_steps: int = 50,
) -> Chains:
    """As ``hmc``, with a step size by ``tune`` and as many steps as make up a length: near a quarter of the period
    of a unit normal, after which a chain has forgotten where it was. Pure, to be jitted.
    """
    tune_key, key = jax.random.split(key)
    eps = tune(log_density, tune_key, start, length=length, most_steps=most_steps)
    several = steps_of(length, eps, most_steps)

    def kernel(key, at):
        jitter_key, key = jax.random.split(key)
        # trajectories of one length return where they began, in directions of half that period
        step = eps * jax.random.uniform(jitter_key, minval=1 - JITTER, maxval=1 + JITTER)
        return transition(log_density, key, at, step, several)

    return run_chains(kernel, log_density, key, start, num_draws, burn_in, thin)._replace(step_size=eps)
