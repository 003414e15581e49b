"""What the autoencoders that generate have in common: encoder and decoder, draws, the validation loss.

The review arXiv:2008.08558, section 2.2. An event x becomes latents z ~ N(mean(x), width(x)^2), and they an event
again; new events are decoded from latents of a known distribution. Where something is measured both halves see it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxunfold import networks
from jaxunfold.errors import InputError
from jaxunfold.losses.energy import energy_score, spread_ratio
from jaxunfold.methods.eventwise import over_draws
from jaxunfold.types import Batch, Method, Spec, Unfolded

SCORE_DRAWS = 4


class Autoencoder(NamedTuple):
    """Two networks of one event.

    init: key -> params. encode: (params, x [d], reco) -> (mean [l], log width [l]).
    decode: (params, z [l], reco) -> x [d]. latent: l.
    """

    init: Callable
    encode: Callable
    decode: Callable
    latent: int


def build_autoencoder(
    spec: Spec, encoder: Mapping, decoder: Mapping, latent: int, activation: str = "silu", tails: float = 6.0
) -> Autoencoder:
    """Fully connected halves.

    Args:
      spec: The problem. encoder, decoder: {"hidden": units, "layers": number of hidden layers, "residual": bool}.
      latent: Number of latents. activation: Of both. tails: decoded coordinates grow by a logarithm beyond +- this.
    Raises: InputError for fewer than one latent.
    """
    if latent < 1:
        raise InputError(f"model.latent: expected 1 or more, found {latent}")
    reader = networks.deep_mlp(spec.dim + spec.cond_dim, 2 * latent, activation, **encoder)
    writer = networks.deep_mlp(latent + spec.cond_dim, spec.dim, activation, **decoder)

    def init(key):
        first, second = jax.random.split(key)
        return {"encoder": reader.init(first), "decoder": writer.init(second)}

    def beside(x, reco):
        return jnp.concatenate([x, networks.soft_limit(reco.features, networks.SEEN)])

    def encode(params, x, reco):
        mean, log_width = jnp.split(reader.apply(params["encoder"], beside(x, reco)), 2)
        return mean, networks.soft_limit(log_width, 6.0)

    def decode(params, z, reco):
        return networks.soft_limit(writer.apply(params["decoder"], beside(z, reco)), tails)

    return Autoencoder(init, encode, decode, latent)


def there_and_back(auto: Autoencoder, params, batch: Batch, key):
    """(mean [n, l], log width [n, l], latents drawn from them [n, l], the events made of those [n, d])."""
    mean, log_width = jax.vmap(auto.encode, (None, 0, 0))(params, batch.truth, batch.reco)
    z = mean + jnp.exp(log_width) * jax.random.normal(key, mean.shape)
    return mean, log_width, z, jax.vmap(auto.decode, (None, 0, 0))(params, z, batch.reco)


def normal_latents(auto: Autoencoder) -> Callable:
    """(state, key, shape) -> standard normal latents, [*shape, l]."""
    return lambda state, key, shape: jax.random.normal(key, (*shape, auto.latent))


def method_of(
    name: str,
    auto: Autoencoder,
    init: Callable,
    step: Callable,
    ema_of: Callable,
    latents: Callable | None = None,
    watch: Callable | None = None,
) -> Method:
    """A method of an autoencoder and its training.

    Args:
      name: Of the stage. init, step: as of ``Method``. ema_of: state -> the weights that generate.
      latents: (state, key, shape) -> latents [*shape, l]; None for normal ones, whose map is then handed out.
      watch: as of the loop.
    """
    drawn = latents or normal_latents(auto)

    def push(state, z, reco):
        params = ema_of(state)
        return over_draws(partial(auto.decode, params), z, reco)

    def draws(state, key, reco, num_draws):
        return push(state, drawn(state, key, (len(reco.features), num_draws)), reco)

    def evaluate(state, batch: Batch, key):
        found = draws(state, key, batch.reco, SCORE_DRAWS)
        score = jax.vmap(energy_score)(batch.truth, found)
        return {"loss": jnp.mean(batch.weight * score), "draw_spread": spread_ratio(batch.truth, found)}

    def fit(key, loop):
        return loop(name, init, step, evaluate, watch=watch)

    def unfold(key, state, reco, num_draws: int) -> Unfolded:
        samples = draws(state, key, reco, num_draws)
        return Unfolded(samples, jnp.zeros(samples.shape[:2]))

    return Method(
        fit, unfold, None, init, step, evaluate,
        push=push if latents is None else None, latent_dim=auto.latent if latents is None else 0,
    )  # fmt: skip
