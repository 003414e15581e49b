"""An autoencoder, or anything with a loss of its own, against a critic of rows that it makes: ``init`` and ``step``.

Where ``training.duel`` has noise in and events out, here both sides of what the critic compares come of the same
batch: encoded events and the latents' prior, or events and their copies.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from jaxunfold.errors import InputError
from jaxunfold.training.duel import State, begin, rules
from jaxunfold.training.optimizer import ema_update
from jaxunfold.types import Batch, Reco


def judged(
    start: Callable,
    compared: Callable,
    terms: Callable,
    judge: Callable,
    optimizer: optax.GradientTransformation,
    *,
    loss: str = "jensen_shannon",
    penalty: Mapping,
    weight: float = 1.0,
    critic_rate: float = 1.0,
    ema: float = 0.0,
) -> tuple[Callable, Callable]:
    """``init`` and ``step`` of a training with a critic, which is updated first in each of them.

    Args:
      start: key -> (params, critic's params).
      compared: (params, batch, key) -> (rows taken for true [n, k], rows that are to look like them [n, k]).
      terms: (params, critic, batch, key) -> (the rest of the loss, {name: value}); of the same draws as ``compared``.
      judge: (critic, row [k]) -> phi. optimizer: of each side.
      loss: A key of ``losses.adversarial.GAMES``. penalty: of ``training.duel.rules``. weight: the game's, in all.
      critic_rate: The critic's learning rate over the other's. ema: decay of the running mean of the weights.
    Raises: InputError for an unknown name or a number out of range.
    """
    game, penalise, strength = rules(loss, penalty)
    if critic_rate <= 0 or strength < 0:
        raise InputError(
            f"model: expected critic_rate > 0 and penalty.weight >= 0, found {critic_rate} and {strength}"
        )
    critic_optimizer = optax.chain(optimizer, optax.scale(critic_rate))
    judge_all = jax.vmap(judge, (None, 0))

    def init(key, batch: Batch) -> State:
        return begin(*start(key), optimizer, critic_optimizer)

    def critic_loss(critic, params, batch: Batch, key):
        draw_key, share_key = jax.random.split(key)
        real, fake = compared(params, batch, draw_key)
        phi = judge_all(critic, real), judge_all(critic, fake)
        played = jnp.mean(batch.weight * (game.real(phi[0]) + game.fake(phi[1])))

        def slope_squared(rows, _):
            return jnp.sum(jax.vmap(jax.grad(judge, 1), (None, 0))(critic, rows) ** 2, axis=-1)

        nothing = Reco(jnp.zeros((len(real), 0)))
        sides = Batch(real, nothing, batch.weight), Batch(fake, nothing, batch.weight)
        kept = strength * jnp.mean(penalise(slope_squared, *sides, fake, phi, share_key))
        right = jnp.mean((phi[0] > phi[1]) + 0.5 * (phi[0] == phi[1]))
        return played + kept, {"critic_loss": played, "critic_accuracy": right}

    def own_loss(params, critic, batch: Batch, key):
        _, fake = compared(params, batch, key)
        played = jnp.mean(batch.weight * game.generator(judge_all(critic, fake)))
        rest, found = terms(params, critic, batch, key)
        spread = jnp.min(jnp.std(fake, axis=0))
        return rest + weight * played, {"generator_loss": played, "spread": spread, **found}

    def step(state: State, batch: Batch, key):
        critic_key, own_key = jax.random.split(key)
        (_, found), grads = jax.value_and_grad(critic_loss, has_aux=True)(
            state.critic, state.params, batch, critic_key
        )
        updates, critic_opt_state = critic_optimizer.update(grads, state.critic_opt_state, state.critic)
        critic = optax.apply_updates(state.critic, updates)
        (total, parts), grads = jax.value_and_grad(own_loss, has_aux=True)(state.params, critic, batch, own_key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        mean = ema_update(state.ema, params, ema, state.step)
        return State(params, mean, critic, opt_state, critic_opt_state, state.step + 1), {
            "loss": total, **parts, **found
        }  # fmt: skip

    return init, step
