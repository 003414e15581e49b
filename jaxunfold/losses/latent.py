"""How far encoded events are from the latents' prior: per event."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def kl_to_normal(mean: Float[Array, "*n l"], log_width: Float[Array, "*n l"]) -> Float[Array, "*n"]:
    r"""KL(N(mean, width^2), N(0, 1)) in nats.

    .. math:: \frac12 \sum_j (\mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2)

    The review arXiv:2008.08558, Eq. (5), prints it with the opposite sign, of which the minimum is at infinity.
    """
    return 0.5 * jnp.sum(mean**2 + jnp.exp(2 * log_width) - 1 - 2 * log_width, axis=-1)
