"""Energy score and distance: how good draws are, one event at a time and as a sample, without a density."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def _norm(difference):
    # the root has no gradient at zero
    return jnp.sqrt(jnp.sum(difference**2, axis=-1) + 1e-20)


def energy_score(truth: Float[Array, " d"], draws: Float[Array, "k d"]) -> Float[Array, ""]:
    r"""Mean |x - x_i| less half the mean |x_i - x_j| of different draws: smallest on average for the true posterior.

    Gneiting and Raftery, J. Am. Stat. Assoc. 102 (2007) 359, Eq. (22); the unbiased estimate from k >= 2 draws.
    """
    k = draws.shape[0]
    between = jnp.sum(_norm(draws[:, None] - draws[None])) / (k * (k - 1))
    return jnp.mean(_norm(truth - draws)) - 0.5 * between


def spread_ratio(truth: Float[Array, "n d"], draws: Float[Array, "n k d"]) -> Float[Array, ""]:
    """Mean distance between two draws of an event over that of a draw from the truth.

    One for a calibrated posterior, below for one that is too narrow, zero for one point per event.
    """
    k = draws.shape[1]
    between = jnp.sum(_norm(draws[:, :, None] - draws[:, None])) / (len(truth) * k * (k - 1))
    return between / jnp.mean(_norm(truth[:, None] - draws))


def energy_distance(
    x: Float[Array, "n d"], y: Float[Array, "m d"], weight: Float[Array, " n"], target_weight: Float[Array, " m"]
) -> Float[Array, ""]:
    """2 E|x - y| - E|x - x'| - E|y - y'| of two weighted samples; zero where they are equal, never negative.

    Szekely and Rizzo, J. Stat. Plan. Inference 143 (2013) 1249, Eq. (1).
    """
    a, b = weight / jnp.sum(weight), target_weight / jnp.sum(target_weight)

    def mean(u, p, v, q):
        return jnp.sum(p[:, None] * q * _norm(u[:, None] - v[None]))

    return 2 * mean(x, a, y, b) - mean(x, a, x, a) - mean(y, b, y, b)
