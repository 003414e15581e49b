"""The VAE-GAN: a critic in the place of the squared distance tells copies, and new events, from true ones.

Larsen et al., arXiv:1512.09300; the review arXiv:2008.08558, section 2.2. Copies are compared with their events in
what the critic's last hidden layer says of both, so that they stay copies.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from jaxunfold import networks
from jaxunfold.losses.latent import kl_to_normal
from jaxunfold.losses.mse import squared_error
from jaxunfold.methods.latent import build_autoencoder, method_of, there_and_back
from jaxunfold.training.judged import judged
from jaxunfold.types import Batch, Method, Spec


def build(
    spec: Spec,
    optimizer: optax.GradientTransformation,
    *,
    encoder: Mapping,
    decoder: Mapping,
    critic: Mapping,
    latent: int,
    beta: float = 1.0,
    seen: int = 32,
    activation: str = "silu",
    tails: float = 6.0,
    **training,
) -> Method:
    """A VAE-GAN as a method.

    Args:
      encoder, decoder, latent, activation, tails: of ``methods.latent.build_autoencoder``.
      critic: {"hidden": units, "layers": number}. seen: numbers that its last layer sees and copies are compared in.
      beta: Weight of the KL in nats. training: options of ``training.judged.judged``.
    """
    auto = build_autoencoder(spec, encoder, decoder, latent, activation, tails)
    looker = networks.deep_mlp(spec.dim, seen, activation, **critic)
    decider = networks.mlp(seen, (), 1)

    def start(key):
        keys = jax.random.split(key, 3)
        return auto.init(keys[0]), {"look": looker.init(keys[1]), "decide": decider.init(keys[2])}

    def look(critic, x):
        return networks.activation_of(activation)(looker.apply(critic["look"], x))

    def judge(critic, x):
        return decider.apply(critic["decide"], look(critic, x))[0]

    def compared(params, batch: Batch, key):
        """Every other row a copy, the others new events."""
        back_key, prior_key = jax.random.split(key)
        copy = there_and_back(auto, params, batch, back_key)[3]
        z = jax.random.normal(prior_key, (len(copy), latent))
        new = jax.vmap(auto.decode, (None, 0, 0))(params, z, batch.reco)
        return batch.truth, jnp.where(jnp.arange(len(copy))[:, None] % 2 == 0, copy, new)

    def terms(params, critic, batch: Batch, key):
        mean, log_width, _, copy = there_and_back(auto, params, batch, jax.random.split(key)[0])
        shown = (jax.vmap(look, (None, 0))(critic, x) for x in (batch.truth, copy))
        distance = 0.5 * seen * jnp.mean(batch.weight * squared_error(*shown))
        kl = jnp.mean(batch.weight * kl_to_normal(mean, log_width))
        return distance + beta * kl, {"distance": distance, "kl": kl}

    init, step = judged(start, compared, terms, judge, optimizer, **training)
    return method_of("vae_gan", auto, init, step, lambda state: state.ema)
