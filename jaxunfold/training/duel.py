"""A generator against a critic: ``init`` and ``step`` of adversarial methods.

Both are updated inside one compiled step, the critic ``critic_updates`` times on shares of the batch, then the
generator once on all of it. Bellagente et al., arXiv:1912.00477, sections 2 and 3; Butter, Plehn, Winterhalder,
arXiv:1907.03764, section 2.2.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxunfold.errors import InputError
from jaxunfold.losses.adversarial import GAMES, Game, unit_slope_penalty, wrong_side_penalty
from jaxunfold.training.optimizer import ema_update
from jaxunfold.types import Batch, Params

SURE, FLAT = 0.999, 0.02
"""A critic that ranks so many pairs right has won; a generator of so small a part of the truth's spread collapsed."""


class State(NamedTuple):
    """params: of the generator; ema: their running mean, which unfolds; critic: its weights; step: updates so far."""

    params: Params
    ema: Params
    critic: Params
    opt_state: optax.OptState
    critic_opt_state: optax.OptState
    step: jax.Array


def begin(params: Params, critic: Params, optimizer, critic_optimizer) -> State:
    """The state before the first update."""
    # a copy: a donated buffer must not appear twice
    mean = jax.tree.map(jnp.copy, params)
    first = jnp.zeros((), jnp.int32)
    return State(params, mean, critic, optimizer.init(params), critic_optimizer.init(critic), first)


class Players(NamedTuple):
    """Generator and critic.

    init: key -> (generator's params, critic's params).
    generate: (params, noise [l], reco of one event) -> truth [d]. noise: l.
    judge: (params, truth [d], reco of one event) -> phi.
    deal: batch -> (events the critic takes for true, events whose reco the generator is shown), of equal size.
    """

    init: Callable
    generate: Callable
    noise: int
    judge: Callable
    deal: Callable


def no_penalty(slope_squared, real: Batch, asked: Batch, fake, phi, key):
    """Nothing: for clipped weights."""
    return jnp.zeros(len(fake))


def at_both(slope_squared, real: Batch, asked: Batch, fake, phi, key):
    """Where the critic is wrong, on true and on generated events: arXiv:1912.00477, Eqs. (3) and (10)."""
    at_real = wrong_side_penalty(phi[0], slope_squared(real.truth, real.reco), is_real=True)
    at_fake = wrong_side_penalty(phi[1], slope_squared(fake, asked.reco), is_real=False)
    return real.weight * at_real + asked.weight * at_fake


def in_between(slope_squared, real: Batch, asked: Batch, fake, phi, key):
    """A slope of one on points between true and generated events: arXiv:1704.00028, Eq. (3)."""
    share = jax.random.uniform(key, (len(fake), 1))
    between = share * real.truth + (1 - share) * fake
    return asked.weight * unit_slope_penalty(slope_squared(between, asked.reco))


PENALTIES = {"none": no_penalty, "wrong_side": at_both, "unit_slope": in_between}
"""(slope_squared, true events, asked ones, generated [n, d], phi of both, key) -> penalty of each event [n].

slope_squared: (truth [n, d], reco) -> |grad phi|^2 with respect to the truth, [n].
"""


def rules(loss: str, penalty: Mapping) -> tuple[Game, Callable, float]:
    """(game, penalty of each event, its weight) of their names in a config, {"kind": ..., "weight": lambda_D}.

    Raises: InputError for an unknown name.
    """
    kind = penalty["kind"]
    for name, value, known in (("loss", loss, GAMES), ("penalty.kind", kind, PENALTIES)):
        if value not in known:
            raise InputError(f"model.{name}: expected one of {', '.join(known)}, found {value!r}")
    return GAMES[loss], PENALTIES[kind], penalty.get("weight", 0.0)


def split_batch(batch: Batch, parts: int) -> Batch:
    """A batch as ``parts`` of equal size along a new first axis."""
    n = len(batch.weight)
    if n % parts:
        raise InputError(f"training.batch_size: expected a multiple of model.critic_updates={parts}, found {n}")
    return jax.tree.map(lambda x: x.reshape(parts, n // parts, *x.shape[1:]), batch)


def duel(
    players: Players,
    optimizer: optax.GradientTransformation,
    *,
    loss: str = "jensen_shannon",
    penalty: Mapping,
    critic_updates: int = 1,
    critic_rate: float = 1.0,
    clip_weights: float = 0.0,
    extra: Callable | None = None,
    ema: float = 0.0,
) -> tuple[Callable, Callable]:
    """``init`` and ``step`` of an adversarial training.

    Args:
      players: Generator and critic. optimizer: An optax transformation, for each side with a state of its own.
      loss: A key of ``losses.adversarial.GAMES``.
      penalty: Of ``rules``.
      critic_updates: Of the critic for one of the generator; a schedule of the optimizer counts each of them.
      critic_rate: The critic's learning rate over the generator's.
      clip_weights: The critic's weights are kept within +- this (arXiv:1701.07875); 0 leaves them.
      extra: (generated [n, d], batch) -> a further term of the generator's loss; None for none.
      ema: Decay of the running mean of the generator's weights; 0 keeps the last.
    Returns: init: (key, batch) -> State; step: (state, batch, key) -> (State, metrics).
    Raises: InputError for an unknown name or a number out of range.
    """
    game, penalise, strength = rules(loss, penalty)
    if critic_updates < 1 or critic_rate <= 0 or clip_weights < 0 or strength < 0:
        found = f"{critic_updates}, {critic_rate}, {clip_weights}, {strength}"
        raise InputError(
            "model: expected critic_updates >= 1, critic_rate > 0, clip_weights >= 0 and penalty.weight >= 0, "
            f"found {found}"
        )
    critic_optimizer = optax.chain(optimizer, optax.scale(critic_rate))

    def init(key, batch: Batch) -> State:
        return begin(*players.init(key), optimizer, critic_optimizer)

    def generate(params, key, reco, n):
        noise = jax.random.normal(key, (n, players.noise))
        return jax.vmap(players.generate, (None, 0, 0))(params, noise, reco)

    def judge(params, truth, reco):
        return jax.vmap(players.judge, (None, 0, 0))(params, truth, reco)

    def critic_loss(critic, params, batch, key):
        noise_key, share_key = jax.random.split(key)
        real, asked = players.deal(batch)
        fake = generate(params, noise_key, asked.reco, len(asked.weight))
        phi = judge(critic, real.truth, real.reco), judge(critic, fake, asked.reco)
        played = jnp.mean(real.weight * game.real(phi[0])) + jnp.mean(asked.weight * game.fake(phi[1]))

        def slope_squared(truth, reco):
            return jnp.sum(jax.vmap(jax.grad(players.judge, 1), (None, 0, 0))(critic, truth, reco) ** 2, axis=-1)

        kept = strength * jnp.mean(penalise(slope_squared, real, asked, fake, phi, share_key))
        # the rank of a true event above a generated one, in pairs: what any of the losses' critics is good for
        right = jnp.mean((phi[0] > phi[1]) + 0.5 * (phi[0] == phi[1]))
        return played + kept, {"critic_loss": played, "penalty": kept, "critic_accuracy": right}

    def improve_critic(carry, turn, params):
        critic, opt_state = carry
        batch, key = turn
        (_, found), grads = jax.value_and_grad(critic_loss, has_aux=True)(critic, params, batch, key)
        updates, opt_state = critic_optimizer.update(grads, opt_state, critic)
        critic = optax.apply_updates(critic, updates)
        if clip_weights:
            critic = jax.tree.map(lambda x: jnp.clip(x, -clip_weights, clip_weights), critic)
        return (critic, opt_state), found

    def generator_loss(params, critic, batch, key):
        real, asked = players.deal(batch)
        fake = generate(params, key, asked.reco, len(asked.weight))
        played = jnp.mean(asked.weight * game.generator(judge(critic, fake, asked.reco)))
        out = {"generator_loss": played}
        if extra is not None:
            # the target is that of the events whose reco was shown: equal in distribution where they are others
            out["mmd"] = extra(fake, asked)
        spread = jnp.min(jnp.std(fake, axis=0) / (jnp.std(real.truth, axis=0) + 1e-6))
        return sum(out.values()), out | {"spread": spread}

    def step(state: State, batch: Batch, key):
        critic_key, generator_key = jax.random.split(key)
        turns = split_batch(batch, critic_updates), jax.random.split(critic_key, critic_updates)
        (critic, critic_opt_state), found = jax.lax.scan(
            lambda carry, turn: improve_critic(carry, turn, state.params),
            (state.critic, state.critic_opt_state),
            turns,
        )
        (total, parts), grads = jax.value_and_grad(generator_loss, has_aux=True)(
            state.params, critic, batch, generator_key
        )
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        mean = ema_update(state.ema, params, ema, state.step)
        metrics = {"loss": total, **parts, **jax.tree.map(jnp.mean, found)}
        return State(params, mean, critic, opt_state, critic_opt_state, state.step + 1), metrics

    return init, step


def complaint(train: Mapping[str, float], valid: Mapping[str, float]) -> str | None:
    """What is wrong with an epoch of an adversarial training, in words; None where nothing is.

    Args: train, valid: the epoch's mean metrics.
    """
    if train["critic_accuracy"] > SURE:
        return f"divergence: the critic tells {train['critic_accuracy']:.2%} of the pairs apart"
    if train["spread"] < FLAT:
        return f"mode collapse: a coordinate has {train['spread']:.2%} of the truth's spread"
    if valid.get("draw_spread", 1.0) < FLAT:
        return f"mode collapse: an event's draws have {valid['draw_spread']:.2%} of the spread they should have"
    return None
