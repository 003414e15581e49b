"""The adversarial autoencoder: a critic in the place of the KL tells encoded events from the latents' prior.

Makhzani et al., arXiv:1511.05644; the review arXiv:2008.08558, section 2.2. The encoder need not be Gaussian.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from jaxunfold import networks
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
    activation: str = "silu",
    tails: float = 6.0,
    **training,
) -> Method:
    """An adversarial autoencoder as a method.

    Args:
      encoder, decoder, latent, activation, tails: of ``methods.latent.build_autoencoder``.
      critic: {"hidden": units, "layers": number}. training: options of ``training.judged.judged``; ``weight`` is that
        of the game beside half the squared distance of event and copy.
    """
    auto = build_autoencoder(spec, encoder, decoder, latent, activation, tails)
    judger = networks.deep_mlp(latent, 1, activation, **critic)

    def start(key):
        first, second = jax.random.split(key)
        return auto.init(first), judger.init(second)

    def compared(params, batch: Batch, key):
        prior_key, key = jax.random.split(key)
        z = there_and_back(auto, params, batch, key)[2]
        return jax.random.normal(prior_key, z.shape), z

    def terms(params, critic, batch: Batch, key):
        copy = there_and_back(auto, params, batch, jax.random.split(key)[1])[3]
        distance = 0.5 * spec.dim * jnp.mean(batch.weight * squared_error(batch.truth, copy))
        return distance, {"distance": distance}

    init, step = judged(start, compared, terms, lambda c, z: judger.apply(c, z)[0], optimizer, **training)
    return method_of("aae", auto, init, step, lambda state: state.ema)
