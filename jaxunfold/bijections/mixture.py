r"""Gaussian mixtures by expectation maximisation: the simplest density, and a base of several pieces.

.. math:: p(x) = \sum_k \pi_k N(x | \mu_k, \Sigma_k)

Thesis Eqs. (1.1) to (1.8). A flow is continuous both ways, so that its density has as many pieces as its base: a
mixture as base is one answer to topology, a refined latent space (``jaxunfold.refinement``) another.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from jaxunfold.types import Key


class Mixture(NamedTuple):
    """log_share: log pi, [k]. mean: mu, [k, d]. root: lower triangular, Sigma = root root^T, [k, d, d]."""

    log_share: Float[Array, " k"]
    mean: Float[Array, "k d"]
    root: Float[Array, "k d d"]


def component_log_prob(mixture: Mixture, x: Float[Array, " d"]) -> Float[Array, " k"]:
    """log pi_k N(x | mu_k, Sigma_k) of one point."""

    def one(mean, root):
        white = solve_triangular(root, x - mean, lower=True)
        return -0.5 * jnp.sum(white**2) - jnp.sum(jnp.log(jnp.diagonal(root)))

    each = jax.vmap(one)(mixture.mean, mixture.root)
    return mixture.log_share + each - 0.5 * x.shape[-1] * jnp.log(2 * jnp.pi)


def log_prob(mixture: Mixture, x: Float[Array, " d"]) -> Float[Array, ""]:
    """log p(x) of one point: Eq. (1.1)."""
    return jax.nn.logsumexp(component_log_prob(mixture, x))


def sample(mixture: Mixture, key: Key) -> Float[Array, " d"]:
    """One draw."""
    which_key, noise_key = jax.random.split(key)
    k = jax.random.categorical(which_key, mixture.log_share)
    return mixture.mean[k] + mixture.root[k] @ jax.random.normal(noise_key, mixture.mean.shape[1:])


def em_step(mixture: Mixture, x: Float[Array, "n d"], weight: Float[Array, " n"], ridge: float = 1e-6):
    """One E and M step: (mixture, mean log-likelihood of the one it started from).

    Eq. (1.8) for the responsibilities r_nk, Eq. (1.7) for the means, and alike pi_k = mean of r, Sigma_k = mean of
    r (x - mu)(x - mu)^T, all weighted.

    Args:
      x: Points. weight: Of each, of sum one, not negative. ridge: Added to the covariances' diagonal, so that none
        collapses onto a point.
    """
    logs = jax.vmap(lambda point: component_log_prob(mixture, point))(x)
    total = jax.nn.logsumexp(logs, axis=1, keepdims=True)
    r = weight[:, None] * jnp.exp(logs - total)
    size = jnp.sum(r, axis=0)
    share = r / jnp.maximum(size, jnp.finfo(x.dtype).tiny)
    mean = share.T @ x

    def covariance(share, mean):
        centred = x - mean
        return (share[:, None] * centred).T @ centred

    spread = jax.vmap(covariance)(share.T, mean) + ridge * jnp.eye(x.shape[1], dtype=x.dtype)
    # a component that lost all its points stays where it was, with no weight
    alive = size > 1e-8
    root = jnp.where(alive[:, None, None], jnp.linalg.cholesky(spread), mixture.root)
    log_share = jnp.log(jnp.maximum(size, 1e-12) / jnp.sum(size))
    found = Mixture(log_share, jnp.where(alive[:, None], mean, mixture.mean), root)
    return found, jnp.sum(weight * total[:, 0])


def start(key: Key, x: Float[Array, "n d"], num: int) -> Mixture:
    """Equal shares at points of the sample, each far from those before (k-means++); widths the sample's over num."""

    def pick(carry, key):
        centres, count, distance = carry
        row = jax.random.categorical(key, jnp.log(distance + 1e-30))
        nearest = jnp.minimum(distance, jnp.sum((x - x[row]) ** 2, axis=1))
        return (centres.at[count].set(x[row]), count + 1, nearest), None

    blank = jnp.zeros((num, x.shape[1]), x.dtype)
    (centres, _, _), _ = jax.lax.scan(pick, (blank, 0, jnp.ones(len(x), x.dtype)), jax.random.split(key, num))
    width = jnp.diag(jnp.std(x, axis=0)) / num ** (1 / x.shape[1])
    return Mixture(jnp.full(num, -jnp.log(num), x.dtype), centres, jnp.broadcast_to(width, (num, *width.shape)))


def fit(
    key: Key, x: Float[Array, "n d"], num: int, steps: int = 100, weight: Float[Array, " n"] | None = None
) -> tuple[Mixture, Float[Array, " steps"]]:
    """Expectation maximisation from a random start: (mixture, log-likelihood per event before each step), pure.

    Args:
      key: A typed key. x: Points. num: Of components. steps: Of E and M.
      weight: Of the points, not negative; None for one each.
    """
    weight = jnp.ones(len(x), x.dtype) if weight is None else weight
    share = weight / jnp.sum(weight)
    return jax.lax.scan(lambda mixture, _: em_step(mixture, x, share), start(key, x, num), None, length=steps)
