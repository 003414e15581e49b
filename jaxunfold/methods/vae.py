"""The variational autoencoder, and with a density information buffer the B-VAE, as generators.

Kingma, Welling, arXiv:1312.6114; Otten et al., arXiv:1901.00875; the review arXiv:2008.08558, Eqs. (4) and (5). A
small weight beta of the KL makes good copies, but then the encoded events are not normal. The *buffer* keeps training
events: latents are drawn from N(mean(x_i), width(x_i)^2) of one of them, which is how encoded events are distributed.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxunfold.errors import InputError
from jaxunfold.losses.latent import kl_to_normal
from jaxunfold.losses.mse import squared_error
from jaxunfold.methods.latent import build_autoencoder, method_of, there_and_back
from jaxunfold.training.descent import descent
from jaxunfold.types import Batch, Method, Reco, Spec


class State(NamedTuple):
    """trained: the state of the descent; events: the latest training events, [buffer, d], and their weight."""

    trained: Any
    events: jax.Array
    weight: jax.Array


def build(
    spec: Spec,
    optimizer: optax.GradientTransformation,
    *,
    encoder: Mapping,
    decoder: Mapping,
    latent: int,
    beta: float = 1.0,
    buffer: int = 0,
    buffer_width: float = 1.0,
    activation: str = "silu",
    tails: float = 6.0,
    ema: float = 0.0,
) -> Method:
    """A VAE as a method.

    Args:
      encoder, decoder, latent, activation, tails: of ``methods.latent.build_autoencoder``.
      beta: Weight of the KL, in nats, beside half the squared distance of event and copy.
      buffer: Training events that new latents are drawn around; 0 draws them from the normal distribution.
      buffer_width: Factor on the width of each of them. ema: decay of the running mean of the weights.
    Raises: InputError for a buffer where something is measured, or an option out of range.
    """
    if beta < 0 or buffer < 0 or buffer_width < 0:
        raise InputError(f"model: expected beta, buffer, buffer_width >= 0, found {beta}, {buffer}, {buffer_width}")
    if buffer and spec.cond_dim:
        raise InputError(
            f"model.buffer: expected 0 where something is measured, for its events are other ones', found {buffer}"
        )
    auto = build_autoencoder(spec, encoder, decoder, latent, activation, tails)

    def terms(params, batch: Batch, key):
        mean, log_width, _, copy = there_and_back(auto, params, batch, key)
        distance = 0.5 * spec.dim * jnp.mean(batch.weight * squared_error(batch.truth, copy))
        kl = jnp.mean(batch.weight * kl_to_normal(mean, log_width))
        return distance + beta * kl, {"distance": distance, "kl": kl}

    start, descend = descent(lambda key, batch: auto.init(key), terms, optimizer, ema)

    def init(key, batch: Batch) -> State:
        return State(start(key, batch), jnp.zeros((buffer, spec.dim)), jnp.zeros(buffer))

    def step(state: State, batch: Batch, key):
        trained, metrics = descend(state.trained, batch, key)
        events, weight = state.events, state.weight
        if buffer:
            place = (state.trained.step * len(batch.weight) + jnp.arange(len(batch.weight))) % buffer
            events = events.at[place].set(batch.truth)
            weight = weight.at[place].set(jnp.maximum(batch.weight, 0.0))
        return State(trained, events, weight), metrics

    def around_events(state: State, key, shape):
        choice, noise = jax.random.split(key)
        total = jnp.cumsum(state.weight)
        # not at zero, where an event without any weight would be found
        share = 1 - jax.random.uniform(choice, shape)
        chosen = jnp.minimum(jnp.searchsorted(total, share * total[-1]), buffer - 1)
        reco = Reco(jnp.zeros((buffer, 0)))
        mean, log_width = jax.vmap(auto.encode, (None, 0, 0))(state.trained.ema, state.events, reco)
        width = buffer_width * jnp.exp(log_width)
        return mean[chosen] + width[chosen] * jax.random.normal(noise, (*shape, latent))

    return method_of("vae", auto, init, step, lambda s: s.trained.ema, around_events if buffer else None)
