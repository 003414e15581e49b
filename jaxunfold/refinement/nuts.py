"""Blackjax's samplers on the refined latent space: NUTS, and HMC tuned by its window adaptation. Extra ``laser``.

Hoffman, Gelman, arXiv:1111.4246; the adaptation is Stan's. One chain is adapted, all others run with what it found.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxunfold.errors import InputError
from jaxunfold.refinement.hmc import Chains
from jaxunfold.types import Key

KINDS = ("nuts", "hmc")


def blackjax_chains(
    log_density: Callable,
    key: Key,
    start: Float[Array, "c l"],
    *,
    num_draws: int,
    kind: str = "nuts",
    tuning_steps: int = 500,
    num_steps: int = 20,
    target_acceptance: float = 0.8,
    burn_in: int = 100,
    thin: int = 1,
) -> Chains:
    """Draws of ``len(start)`` chains; pure, to be jitted.

    Args:
      log_density: z [l] -> log q(z), up to a constant. key: A typed key. start: First points.
      num_draws: Kept of each chain, every ``thin``-th. kind: "nuts", or "hmc" with ``num_steps`` leapfrog steps.
      tuning_steps: Of the adaptation of step size and masses to ``target_acceptance``, on the first chain.
      burn_in: Transitions of each chain that are left out after it.
    Raises: InputError for an unknown kind, or where blackjax is not installed.
    """
    if kind not in KINDS:
        raise InputError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}")
    try:
        import blackjax
    except ImportError as error:
        raise InputError("blackjax: expected it to be installed: pip install 'jaxunfold[laser]'") from error
    algorithm = {"nuts": blackjax.nuts, "hmc": blackjax.hmc}[kind]
    extra = {"num_integration_steps": num_steps} if kind == "hmc" else {}
    tune_key, burn_key, key = jax.random.split(key, 3)
    warmup = blackjax.window_adaptation(algorithm, log_density, target_acceptance_rate=target_acceptance, **extra)
    (_, parameters), _ = warmup.run(tune_key, start[0], num_steps=tuning_steps)
    # the adaptation hands its extra arguments back in some versions
    sampler = algorithm(log_density, **{**extra, **parameters})

    def advance(states, key):
        states, info = jax.vmap(sampler.step)(jax.random.split(key, len(start)), states)
        return states, info.acceptance_rate

    def several(states, key):
        states, rates = jax.lax.scan(advance, states, jax.random.split(key, thin))
        return states, (states.position, jnp.mean(rates, axis=0))

    states = jax.vmap(sampler.init)(start)
    if burn_in:
        states, _ = jax.lax.scan(advance, states, jax.random.split(burn_key, burn_in))
    _, (draws, rates) = jax.lax.scan(several, states, jax.random.split(key, num_draws))
    return Chains(draws, jnp.mean(rates, axis=0))
