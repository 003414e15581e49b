"""Maximum likelihood under a standard normal latent, and the weights' prior beside it."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxunfold.types import is_fixed


def standard_normal_log_prob(z: Float[Array, "*n d"]) -> Float[Array, "*n"]:
    """Log-density of the latent, normalised: thesis Eq. (2.26) and its constant."""
    return -0.5 * jnp.sum(z**2, axis=-1) - 0.5 * z.shape[-1] * jnp.log(2 * jnp.pi)


def negative_log_likelihood(z: Float[Array, "*n d"], log_det: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """-log p(truth | reco) of each event under a flow with latent z: thesis Eq. (2.25).

    Args:
      z: Latent of each event. log_det: log|dz/dtruth|.
    """
    return -standard_normal_log_prob(z) - log_det


def gaussian_nll(residual: Float[Array, "*n"], log_width: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """-log N(residual; 0, width^2) of a target whose width a network predicts as well, without the constant.

    Badger et al., arXiv:2206.14831, Eq. (11): the width is as large as what the mean misses.
    """
    return 0.5 * (residual * jnp.exp(-log_width)) ** 2 + log_width


def gaussian_prior(params) -> Float[Array, ""]:
    """-log p(theta) of a standard normal prior over the trained parameters, up to a constant: half their square norm.

    The last-but-one term of thesis Eq. (2.25), 'a simple weight regularization'.
    """
    named, _ = jax.tree_util.tree_flatten_with_path(params)
    trained = [leaf for path, leaf in named if not is_fixed(path)]
    return 0.5 * sum(jnp.sum(leaf**2) for leaf in trained)
