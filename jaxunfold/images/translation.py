"""Images of one kind into images of another and back, without pairs: a CycleGAN of binary pixels.

Carrazza, Dreyer, arXiv:1909.01359, section 4; the review arXiv:2008.08558, section 5.1: jets as they were and as the
detector shows them, or jets of quarks and gluons and of W bosons.
"""

from collections.abc import Mapping

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxunfold import networks
from jaxunfold.errors import InputError
from jaxunfold.images.generators import check
from jaxunfold.images.pixels import cross_entropy, logits_of_mean, sample, standard
from jaxunfold.training import cycle
from jaxunfold.training.cycle import Critic, Mapper, Translation

STAYS, RARE = 3.0, 3.0
"""At first a pixel stays on with the logit ``STAYS``, and comes on e^``RARE`` times less often than in the mean."""


def mapper(
    source: Float[Array, "m p"], target: Float[Array, "n p"], latent: int, activation: str, network: Mapping
) -> Mapper:
    """Pixels kept, lost and made by a network that sees the image and a few latents.

    source, target: Images of the kinds it leads from and to. network: Options of ``networks.deep_mlp``.
    """
    mean, pixels, seen = logits_of_mean(target), target.shape[1], standard(source)
    net = networks.deep_mlp(pixels + latent, pixels, activation, **network)

    def logits(params, x, r):
        start = x * STAYS + (1 - x) * (mean - RARE)
        return start + net.apply(params, jnp.concatenate([seen(x), r[:latent]]))

    return Mapper(
        net.init,
        lambda params, x, r: sample(logits(params, x, r), r[latent:]),
        latent + pixels,
        lambda params, x, r, wanted: cross_entropy(logits(params, x, r), wanted),
    )


def critic_of(images: Float[Array, "n p"], network: networks.Network) -> Critic:
    """A critic of images that sees them without their mean."""
    seen = standard(images)
    return Critic(network.init, lambda params, x: network.apply(params, seen(x))[0])


def build(
    a: Float[Array, "n p"],
    b: Float[Array, "m q"],
    optimizer: optax.GradientTransformation,
    *,
    network: Mapping,
    critic: Mapping,
    latent: int = 16,
    activation: str = "leaky_relu",
    **training,
) -> Translation:
    """Translation between the images a and b.

    Args:
      a, b: The training's images, for their means. network, critic: options of ``networks.deep_mlp``.
      latent: Numbers that a translation draws beside those of the pixels. training: options of
      ``training.cycle.build``.
    Raises: InputError for fewer than one latent, images of two sizes, or of ``training.cycle.build``.
    """
    check(latent)
    if a.shape[1] != b.shape[1]:
        raise InputError(f"images: expected images of one size, found {a.shape[1]} and {b.shape[1]} pixels")
    judger = networks.deep_mlp(a.shape[1], 1, activation, **critic)
    critics = (critic_of(kind, judger) for kind in (a, b))
    maps = mapper(a, b, latent, activation, network), mapper(b, a, latent, activation, network)
    return cycle.build(*maps, *critics, optimizer, **training)
