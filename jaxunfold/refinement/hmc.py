r"""Hamiltonian Monte Carlo: many chains side by side, leapfrog steps of one size, unit masses.

Thesis section 4.4.1; Duane et al., Phys. Lett. B 195 (1987) 216; Neal, arXiv:1206.1901, Figure 2. With a fresh normal
momentum r at each transition, the leapfrog of step eps is

    r <- r + eps/2 grad log q(z),   z <- z + eps r,   r <- r + eps/2 grad log q(z),

and the end point is accepted with probability min(1, exp(H_start - H_end)), H = r^2 / 2 - log q(z).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxunfold.types import Key


class Chains(NamedTuple):
    """draws: [n, c, l], of c chains. acceptance: fraction of accepted proposals of each chain, [c]."""

    draws: Float[Array, "n c l"]
    acceptance: Float[Array, " c"]


class Point(NamedTuple):
    """Where a chain is: z [l], log q(z) and its gradient [l], so that none is computed twice."""

    z: Array
    log_density: Array
    slope: Array


def point(log_density: Callable, z: Float[Array, " l"]) -> Point:
    """A point with its density and gradient."""
    return Point(z, *jax.value_and_grad(log_density)(z))


def leapfrog(log_density: Callable, at: Point, momentum, step_size, num_steps: int) -> tuple[Point, Array]:
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


def transition(log_density: Callable, key: Key, at: Point, step_size, num_steps: int) -> tuple[Point, Array]:
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
