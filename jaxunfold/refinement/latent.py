r"""Weights pulled back to the latent space.

Thesis Eq. (4.3): with weights w(x) of a generator g and a latent density p, the refined latent density is

    log q(z) = log p(z) + log w(g(z)) - log Z_0.

Where the generator has noise of its own beside z, w(g(z, noise)) is no function of z; then OmniFold's iteration, on
(z, x) as (truth, reco), finds the weights of z for which the generated events follow the data best (section 4.3).
"""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxunfold.losses.likelihood import standard_normal_log_prob
from jaxunfold.training import classifier as ratios
from jaxunfold.types import Key
from jaxunfold.unbinned.omnifold import Options, unfold_events


def refined_log_density(
    generate: Callable, log_weight: Callable, base: Callable = standard_normal_log_prob
) -> Callable:
    """log q of one latent [l], up to its constant: Eq. (4.3).

    Args:
      generate: z [l] -> x [d]. log_weight: x [d] -> []. base: z [l] -> log p(z).
    """
    return lambda z: base(z) + log_weight(generate(z))


def latent_log_weights(
    key: Key,
    latent: Float[np.ndarray, "n l"],
    generated: Float[np.ndarray, "n d"],
    true: Float[np.ndarray, "m d"],
    options: Options = Options(),  # noqa: B008
) -> tuple[np.ndarray, Callable]:
    """Log-weights of the latents of a generator that is a stochastic function of them.

    Args:
      key: A typed key. latent, generated: The generator's input and output, in pairs. true: Events to follow.
      options: Of the OmniFold iteration; see ``unbinned.omnifold.Options``.
    Returns: (log-weight of each latent, [n], of mean weight one; the same as a differentiable function
      z [m, l] -> [m], a classifier of the weighted against the unweighted latents).
    """
    unfold_key, fit_key = jax.random.split(key)
    latent, generated, true = (np.asarray(a, np.float32) for a in (latent, generated, true))
    found = unfold_events(unfold_key, latent, generated, true, options=options).final
    weight = np.exp(found - found.max())
    weight = (weight / weight.mean()).astype(np.float32)
    function = ratios.train_log_ratio(
        fit_key, latent, weight, np.ones_like(weight), hidden=options.hidden, activation=options.activation,
        learning_rate=options.learning_rate, epochs=options.epochs, batch_size=options.batch_size,
    )  # fmt: skip
    return np.log(weight), function


def push(generate: Callable, latent: Float[Array, "n l"], batch_size: int = 16384) -> Float[Array, "n d"]:
    """Generated events of many latents, in pieces that bound the memory; pure."""
    return jax.lax.map(generate, latent, batch_size=min(batch_size, len(latent)))
