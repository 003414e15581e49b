"""Images from scratch: a generator against a critic, and a variational autoencoder.

Carrazza, Dreyer, arXiv:1909.01359; the review arXiv:2008.08558, section 3.3. Both make the logits of all pixels from
a few latents, then draw the pixels; they begin with independent pixels of the training's mean. An image is a row [p].
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxunfold import networks
from jaxunfold.errors import InputError
from jaxunfold.images.pixels import cross_entropy, logits_of_mean, sample, standard
from jaxunfold.losses.latent import kl_to_normal
from jaxunfold.training.descent import descent
from jaxunfold.training.duel import Players, duel
from jaxunfold.types import Batch, Reco


class Generator(NamedTuple):
    """init: (key, batch) -> state. step: (state, batch, key) -> (state, metrics).

    draw: (state, key, num) -> images [num, p].
    """

    init: Callable
    step: Callable
    draw: Callable


def gan(
    images: Float[Array, "n p"],
    optimizer: optax.GradientTransformation,
    *,
    generator: Mapping,
    critic: Mapping,
    latent: int = 16,
    noise: float = 1.0,
    activation: str = "leaky_relu",
    **training,
) -> Generator:
    """A GAN. images: the training's, for their mean. generator, critic: options of ``networks.deep_mlp``.

    Args:
      latent: Numbers that an image is made of. noise: of each pixel beside them, in logits; see ``pixels.sample``.
      training: Options of ``training.duel.duel``: the game, the critic's penalty and updates.
    Raises: InputError for fewer than one latent, or of ``duel``.
    """
    check(latent)
    mean, pixels, seen = logits_of_mean(images), images.shape[1], standard(images)
    maker = networks.deep_mlp(latent, pixels, activation, **generator)
    judger = networks.deep_mlp(pixels, 1, activation, **critic)

    def start(key):
        return tuple(net.init(k) for net, k in zip((maker, judger), jax.random.split(key)))

    def generate(params, r, reco):
        return sample(mean + maker.apply(params, r[:latent]), r[latent:], noise)

    def judge(params, image, reco):
        return judger.apply(params, seen(image))[0]

    players = Players(start, generate, latent + pixels, judge, lambda batch: (batch, batch))
    init, step = duel(players, optimizer, **training)

    def draw(state, key, num):
        r = jax.random.normal(key, (num, players.noise))
        return jax.vmap(generate, (None, 0, None))(state.ema, r, Reco(jnp.zeros(0)))

    return Generator(init, step, draw)


def vae(
    images: Float[Array, "n p"],
    optimizer: optax.GradientTransformation,
    *,
    encoder: Mapping,
    decoder: Mapping,
    latent: int = 16,
    beta: float = 1.0,
    warmup: int = 0,
    activation: str = "leaky_relu",
    ema: float = 0.0,
) -> Generator:
    """A VAE whose decoder says how likely each pixel is on: minus the evidence lower bound where beta is 1.

    Args: warmup: steps in which beta rises from zero, without which the latents may never be used; others as ``gan``.
    Raises: InputError for fewer than one latent.
    """
    check(latent)
    mean, pixels, seen = logits_of_mean(images), images.shape[1], standard(images)
    reader = networks.deep_mlp(pixels, 2 * latent, activation, **encoder)
    writer = networks.deep_mlp(latent, pixels, activation, **decoder)

    def start(key, batch):
        return {name: net.init(k) for name, net, k in zip("rw", (reader, writer), jax.random.split(key))}

    def logits(params, z):
        return mean + writer.apply(params["w"], z)

    def terms(params, batch: Batch, key, at):
        centre, log_width = jnp.split(reader.apply(params["r"], seen(batch.truth)), 2, axis=-1)
        log_width = networks.soft_limit(log_width, 6.0)
        z = centre + jnp.exp(log_width) * jax.random.normal(key, centre.shape)
        distance = jnp.mean(batch.weight * cross_entropy(logits(params, z), batch.truth))
        kl = jnp.mean(batch.weight * kl_to_normal(centre, log_width))
        return distance + beta * jnp.minimum(1.0, (at + 1) / (warmup + 1)) * kl, {"distance": distance, "kl": kl}

    def draw(state, key, num):
        first, second = jax.random.split(key)
        z = jax.random.normal(first, (num, latent))
        return sample(logits(state.ema, z), jax.random.normal(second, (num, pixels)))

    return Generator(*descent(start, terms, optimizer, ema, scheduled=True), draw)


def check(latent: int) -> None:
    """Raises: InputError for fewer than one latent."""
    if latent < 1:
        raise InputError(f"latent: expected 1 or more, found {latent}")
