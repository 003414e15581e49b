"""The fully conditional GAN: noise in, the measured event a condition of generator and critic.

Bellagente et al., arXiv:1912.00477, section 3, Eqs. (9) to (11), Table 1; thesis section 2.3.
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax

from jaxunfold import networks
from jaxunfold.losses.energy import energy_score, spread_ratio
from jaxunfold.losses.observable_mmd import build_observable_mmd
from jaxunfold.methods.eventwise import over_draws
from jaxunfold.training.duel import Players, State, complaint, duel
from jaxunfold.types import Batch, Method, Spec, Unfolded

SCORE_DRAWS = 4


def build(
    spec: Spec,
    optimizer: optax.GradientTransformation,
    *,
    generator: Mapping,
    critic: Mapping,
    condition: Mapping | None = None,
    noise: int | None = None,
    mmd: Mapping | None = None,
    activation: str = "leaky_relu",
    tails: float = 6.0,
    **training,
) -> Method:
    """A conditional GAN as a method; masses are fixed where the coordinates fix them.

    Args:
      spec: The problem. optimizer: An optax transformation, of each side.
      generator, critic: {"hidden": units, "layers": number of hidden layers, "residual": bool}.
      condition: Options of ``networks.build_encoder``, one such network for each side; None shows the features.
      noise: Numbers drawn for each event; None for as many as there are coordinates.
      mmd: Options of ``losses.observable_mmd.build_observable_mmd``; None leaves the term out.
      activation: Of all networks. tails: generated coordinates grow by a logarithm beyond +- this.
      training: Options of ``training.duel.duel``: loss, penalty, critic_updates and so on.
    Raises: InputError if an option is unknown or out of range.
    """
    noise = spec.dim if noise is None else noise
    reader = None if condition is None else networks.build_encoder(spec, activation=activation, **condition)
    size = spec.cond_dim if reader is None else reader.size

    maker = networks.deep_mlp(noise + size, spec.dim, activation, **generator)
    judger = networks.deep_mlp(spec.dim + size, 1, activation, **critic)

    def read(params, reco):
        return (
            networks.soft_limit(reco.features, networks.SEEN)
            if reader is None
            else reader.apply(params["condition"], reco)
        )

    def start(key):
        keys = jax.random.split(key, 4)
        sides = {"net": maker.init(keys[0])}, {"net": judger.init(keys[1])}
        if reader is not None:
            for side, k in zip(sides, keys[2:]):
                side["condition"] = reader.init(k)
        return sides

    def make(params, r, seen):
        return networks.soft_limit(maker.apply(params["net"], jnp.concatenate([r, seen])), tails)

    def generate(params, r, reco):
        return make(params, r, read(params, reco))

    def judge(params, truth, reco):
        return judger.apply(params["net"], jnp.concatenate([truth, read(params, reco)]))[0]

    players = Players(start, generate, noise, judge, lambda batch: (batch, batch))
    extra = None if mmd is None else build_observable_mmd(spec, **mmd)
    init, step = duel(players, optimizer, extra=extra, **training)

    def push(state: State, latents, reco):
        return over_draws(partial(make, state.ema), latents, reco, partial(read, state.ema))

    def draws(key, state: State, reco, num_draws):
        keys = jax.random.split(key, reco.features.shape[0])
        return push(state, jax.vmap(lambda key: jax.random.normal(key, (num_draws, noise)))(keys), reco)

    def evaluate(state: State, batch: Batch, key):
        found = draws(key, state, batch.reco, SCORE_DRAWS)
        score = jax.vmap(energy_score)(batch.truth, found)
        return {"loss": jnp.mean(batch.weight * score), "draw_spread": spread_ratio(batch.truth, found)}

    def fit(key, loop):
        return loop("fcgan", init, step, evaluate, watch=complaint)

    def unfold(key, state: State, reco, num_draws: int) -> Unfolded:
        drawn = draws(key, state, reco, num_draws)
        return Unfolded(drawn, jnp.zeros(drawn.shape[:2]))

    return Method(fit, unfold, None, init, step, evaluate, push=push, latent_dim=noise)
