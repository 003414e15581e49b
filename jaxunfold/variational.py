r"""A mean-field Gaussian posterior over any tree of parameters: thesis section 3.2.3.

Each trained weight has a mean and a width of its own, q(theta) = prod_i N(mu_i, sigma_i^2), and a prior N(0, s^2).
Leaves that are set once and never trained (``types.FIXED``) have neither: they stay what they are.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.types import Key, Params, is_fixed


class Posterior(NamedTuple):
    """mean: the tree of weights. log_width: log sigma, a tree of the same shapes; not used where a leaf is fixed."""

    mean: Params
    log_width: Params


def map_free(fun: Callable, tree: Params, *others: Params) -> Params:
    """``fun`` of the leaves that are trained; those of the first tree where they are fixed."""
    return jax.tree_util.tree_map_with_path(lambda p, x, *rest: x if is_fixed(p) else fun(x, *rest), tree, *others)


def start(params: Params, width: float) -> Posterior:
    """A posterior of one width around given weights.

    Raises: ValueError if the width is not positive.
    """
    if width <= 0:
        raise ValueError(f"start_width: expected a positive width, got {width}")
    return Posterior(params, jax.tree.map(lambda x: jnp.full_like(x, np.log(width)), params))


def widths(posterior: Posterior) -> Params:
    """sigma of every weight; zero where a leaf is fixed."""

    def one(path, log_width):
        return jnp.zeros_like(log_width) if is_fixed(path) else jnp.exp(log_width)

    return jax.tree_util.tree_map_with_path(one, posterior.log_width)


def sample(posterior: Posterior, key: Key) -> Params:
    """Weights theta ~ q, a tree as the mean: mu + sigma epsilon, so that gradients pass to both."""
    leaves, tree = jax.tree.flatten(posterior.mean)
    keys = jax.tree.unflatten(tree, list(jax.random.split(key, len(leaves))))

    def one(mean, log_width, key):
        return mean + jnp.exp(log_width) * jax.random.normal(key, mean.shape, mean.dtype)

    return map_free(one, posterior.mean, posterior.log_width, keys)


def kl_to_prior(posterior: Posterior, prior_width: float):
    r"""KL(q, p) in nats for a prior N(0, s^2) of every trained weight, in closed form.

    .. math:: \sum_i \log(s / \sigma_i) + (\sigma_i^2 + \mu_i^2) / (2 s^2) - 1/2
    """

    def one(mean, log_width):
        relative = log_width - np.log(prior_width)
        return jnp.sum(0.5 * (jnp.exp(2 * relative) + (mean / prior_width) ** 2 - 1) - relative)

    fixed_to_zero = jax.tree_util.tree_map_with_path(lambda p, x: 0.0 if is_fixed(p) else x, posterior.mean)
    parts = map_free(one, fixed_to_zero, posterior.log_width)
    return sum(jax.tree.leaves(parts), jnp.zeros(()))
