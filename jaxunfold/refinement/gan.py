r"""A GAN on weighted events, with an auxiliary latent space of its own size: it may tear its latent space apart.

Thesis sections 4.3 and 4.4.1; the weighted critic of Backes et al., arXiv:2012.07873, whose loss is

    - sum_i w_i log D(x_i) / sum_i w_i  -  mean of log(1 - D(g(y)))

and the generator's the one that does not saturate, -log D(g(y)). The penalty lambda / 2 |grad logit|^2 at the
(weighted) true events makes the training end at the equilibrium instead of circling it (Mescheder et al.,
arXiv:1801.04406).
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax

from jaxunfold import networks
from jaxunfold.errors import InputError
from jaxunfold.losses.adversarial import GAMES
from jaxunfold.refinement.generator import Base, Generator, Sample, normal
from jaxunfold.refinement.weights import with_frequencies
from jaxunfold.training.duel import State, begin
from jaxunfold.training.optimizer import ema_update


def gan(
    dim: int,
    optimizer: optax.GradientTransformation,
    *,
    critic_optimizer: optax.GradientTransformation | None = None,
    cond: int = 0,
    base: Base | None = None,
    latent_dim: int = 4,
    hidden: Sequence[int] = (40, 40, 40),
    critic_hidden: Sequence[int] | None = None,
    activation: str = "leaky_relu",
    critic_updates: int = 1,
    penalty: float = 0.1,
    residual: bool = False,
    frequencies: int = 0,
    ema: float = 0.998,
) -> Generator:
    """A GAN as a generator.

    Args:
      dim: Components of an event. optimizer, critic_optimizer: optax transformations; None for the same.
      cond: Size of the condition, which both networks see.
      base: What latents come from; None for ``latent_dim`` normal ones.
      hidden, critic_hidden: Units of each hidden layer; None for the same. activation: of both networks.
      critic_updates: For one of the generator, each on a share of the batch. penalty: lambda.
      residual: The network's output is added to the first ``dim`` latents, from zero on: a refiner then starts
        as no refiner.
      frequencies: Waves of each component that the critic sees, see ``weights.with_frequencies``.
      ema: Decay of the running mean of the generator's weights.
    Raises: InputError for a residual generator of fewer latents than components.
    """
    base, game = normal(latent_dim) if base is None else base, GAMES["jensen_shannon"]
    if residual and base.dim < dim:
        raise InputError(f"gan: expected at least {dim} latents for a residual generator, found {base.dim}")
    critic_optimizer = optimizer if critic_optimizer is None else critic_optimizer
    maker = networks.mlp(base.dim + cond, hidden, dim, activation, zero=residual)
    seen = dim * (1 + 2 * frequencies) + cond
    judge = networks.mlp(seen, hidden if critic_hidden is None else critic_hidden, 1, activation)

    def init(key) -> State:
        maker_key, judge_key = jax.random.split(key)
        return begin(maker.init(maker_key), judge.init(judge_key), optimizer, critic_optimizer)

    def make(params, latent, cond):
        made = maker.apply(params, jnp.concatenate([latent, cond]))
        return latent[:dim] + made if residual else made

    def logit(critic, x, cond):
        return judge.apply(critic, jnp.concatenate([with_frequencies(x, frequencies), cond]))[0]

    def many(params, key, cond):
        latent = jax.vmap(base.draw)(jax.random.split(key, len(cond)))
        return jax.vmap(make, (None, 0, 0))(params, latent, cond)

    def critic_loss(critic, params, batch: Sample, key):
        weight = batch.weight / jnp.mean(batch.weight)
        fake = many(params, key, batch.cond)
        real, slope = jax.vmap(jax.value_and_grad(logit, 1), (None, 0, 0))(critic, batch.x, batch.cond)
        made = jax.vmap(logit, (None, 0, 0))(critic, fake, batch.cond)
        each = weight * game.real(real) + game.fake(made)
        return jnp.mean(each + 0.5 * penalty * weight * jnp.sum(slope**2, axis=-1))

    def generator_loss(params, critic, batch: Sample, key):
        made = jax.vmap(logit, (None, 0, 0))(critic, many(params, key, batch.cond), batch.cond)
        return jnp.mean(game.generator(made))

    def step(state: State, batch: Sample, key):
        critic_key, generator_key = jax.random.split(key)
        n = len(batch.weight) // critic_updates
        turns = jax.tree.map(lambda a: a[: n * critic_updates].reshape(critic_updates, n, *a.shape[1:]), batch)

        def improve(carry, turn):
            critic, opt_state = carry
            loss, grads = jax.value_and_grad(critic_loss)(critic, state.params, *turn)
            updates, opt_state = critic_optimizer.update(grads, opt_state, critic)
            return (optax.apply_updates(critic, updates), opt_state), loss

        keys = jax.random.split(critic_key, critic_updates)
        (critic, critic_opt_state), losses = jax.lax.scan(
            improve, (state.critic, state.critic_opt_state), (turns, keys)
        )
        # the generator sees as many events as one turn of the critic
        shown = jax.tree.map(lambda a: a[0], turns)
        loss, grads = jax.value_and_grad(generator_loss)(state.params, critic, shown, generator_key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        mean = ema_update(state.ema, params, ema, state.step)
        found = State(params, mean, critic, opt_state, critic_opt_state, state.step + 1)
        return found, {"loss": loss, "critic_loss": jnp.mean(losses)}

    def generate(state: State, latent, cond):
        return make(state.ema, latent, cond)

    return Generator(init, step, generate, None, base)
