"""Two mappings between two unpaired samples, each against a critic of where it leads: ``init`` and ``step``.

Zhu et al., arXiv:1703.10593, Eqs. (1) to (3): what is mapped there and back is to be what it was. Nothing else ties a
row to its image; an identity term says that what is there already stays.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxunfold.errors import InputError
from jaxunfold.training.duel import State, begin, rules
from jaxunfold.training.optimizer import ema_update
from jaxunfold.types import Batch, Reco


class Both(NamedTuple):
    """Rows of the two samples; a row of the one has nothing to do with the same row of the other."""

    a: Float[Array, "n p"]
    b: Float[Array, "n q"]


class Mapper(NamedTuple):
    """One of the two mappings, from rows x [p] to rows [q].

    init: key -> params. apply: (params, x [p], r [noise] standard normal) -> row [q]. noise: numbers drawn with.
    distance: (params, x [p], r, wanted [q]) -> how far x is mapped from what it should be.
    """

    init: Callable
    apply: Callable
    noise: int
    distance: Callable


class Critic(NamedTuple):
    """init: key -> params. judge: (params, row) -> phi."""

    init: Callable
    judge: Callable


class Translation(NamedTuple):
    """init: (key, batch) -> State. step: (state, Both, key) -> (State, metrics).

    there: (state, a [n, p], key) -> rows of b's kind [n, q]. back: the other way.
    """

    init: Callable
    step: Callable
    there: Callable
    back: Callable


def build(
    there: Mapper,
    back: Mapper,
    critic_a: Critic,
    critic_b: Critic,
    optimizer: optax.GradientTransformation,
    *,
    loss: str = "least_squares",
    penalty: Mapping,
    cycle: float,
    identity: float = 0.0,
    critic_rate: float = 1.0,
    ema: float = 0.0,
) -> Translation:
    """A CycleGAN; both critics are updated first in each step.

    Args:
      there: From a to b. back: From b to a. critic_a, critic_b: Of rows of each kind. optimizer: of each side.
      loss: A key of ``losses.adversarial.GAMES``. penalty: of ``training.duel.rules``.
      cycle: Weight of the distance of a row from itself, there and back. identity: of a row of the other kind from
        itself, mapped once, where both kinds are of one size.
      critic_rate: The critics' learning rate over the mappings'. ema: decay of the running mean of the mappings.
    Raises: InputError for an unknown name or a number out of range.
    """
    game, penalise, strength = rules(loss, penalty)
    if cycle < 0 or identity < 0 or critic_rate <= 0 or strength < 0:
        found = f"{cycle}, {identity}, {critic_rate}, {strength}"
        raise InputError(
            f"cycle: expected cycle, identity and penalty.weight >= 0 and critic_rate > 0, found {found}"
        )
    critic_optimizer = optax.chain(optimizer, optax.scale(critic_rate))

    def init(key, batch: Both) -> State:
        keys = jax.random.split(key, 4)
        maps, critics = (there.init(keys[0]), back.init(keys[1])), (critic_a.init(keys[2]), critic_b.init(keys[3]))
        return begin(maps, critics, optimizer, critic_optimizer)

    def mapped(mapper, params, x, key):
        r = jax.random.normal(key, (len(x), mapper.noise))
        return jax.vmap(mapper.apply, (None, 0, 0))(params, x, r)

    def distance(mapper, params, x, wanted, key):
        r = jax.random.normal(key, (len(x), mapper.noise))
        return jnp.mean(jax.vmap(mapper.distance, (None, 0, 0, 0))(params, x, r, wanted))

    def judged(critic, params, real, fake, key):
        """(loss of one critic, its metrics)."""
        phi = tuple(jax.vmap(critic.judge, (None, 0))(params, rows) for rows in (real, fake))

        def slope_squared(rows, _):
            return jnp.sum(jax.vmap(jax.grad(critic.judge, 1), (None, 0))(params, rows) ** 2, axis=-1)

        sides = (Batch(rows, Reco(jnp.zeros((len(rows), 0))), jnp.ones(len(rows))) for rows in (real, fake))
        kept = jnp.mean(penalise(slope_squared, *sides, fake, phi, key)) if strength else 0.0
        right = jnp.mean((phi[0] > phi[1]) + 0.5 * (phi[0] == phi[1]))
        return jnp.mean(game.real(phi[0]) + game.fake(phi[1])) + strength * kept, right

    def critics_loss(critics, maps, batch: Both, key):
        keys = jax.random.split(key, 4)
        fake_b, fake_a = mapped(there, maps[0], batch.a, keys[0]), mapped(back, maps[1], batch.b, keys[1])
        of_a, right_a = judged(critic_a, critics[0], batch.a, fake_a, keys[2])
        of_b, right_b = judged(critic_b, critics[1], batch.b, fake_b, keys[3])
        return of_a + of_b, {"critic_loss": of_a + of_b, "right_a": right_a, "right_b": right_b}

    def maps_loss(maps, critics, batch: Both, key):
        keys = jax.random.split(key, 6)
        fake_b, fake_a = mapped(there, maps[0], batch.a, keys[0]), mapped(back, maps[1], batch.b, keys[1])
        phi = (
            jax.vmap(critic.judge, (None, 0))(params, rows)
            for critic, params, rows in ((critic_a, critics[0], fake_a), (critic_b, critics[1], fake_b))
        )
        played = sum(jnp.mean(game.generator(each)) for each in phi)
        around = distance(back, maps[1], fake_b, batch.a, keys[2])
        around += distance(there, maps[0], fake_a, batch.b, keys[3])
        parts = {"generator_loss": played, "cycle": around}
        total = played + cycle * around
        if identity:
            same = distance(there, maps[0], batch.b, batch.b, keys[4])
            parts["identity"] = same + distance(back, maps[1], batch.a, batch.a, keys[5])
            total += identity * parts["identity"]
        return total, parts

    def step(state: State, batch: Both, key):
        critic_key, map_key = jax.random.split(key)
        (_, found), grads = jax.value_and_grad(critics_loss, has_aux=True)(
            state.critic, state.params, batch, critic_key
        )
        updates, critic_opt_state = critic_optimizer.update(grads, state.critic_opt_state, state.critic)
        critics = optax.apply_updates(state.critic, updates)
        (total, parts), grads = jax.value_and_grad(maps_loss, has_aux=True)(state.params, critics, batch, map_key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        mean = ema_update(state.ema, params, ema, state.step)
        metrics = {"loss": total, **parts, **found}
        return State(params, mean, critics, opt_state, critic_opt_state, state.step + 1), metrics

    return Translation(
        init, step,
        lambda state, a, key: mapped(there, state.ema[0], a, key),
        lambda state, b, key: mapped(back, state.ema[1], b, key),
    )  # fmt: skip
