r"""The mean density of many networks and its spread, at points and in bins: thesis Eqs. (3.35) to (3.38).

.. math:: p(x) = \int d\theta\, q(\theta) p(x | \theta), \quad
          \sigma_{pred}^2(x) = \int d\theta\, q(\theta) [p(x | \theta) - p(x)]^2

The networks are given as ``members``: a pytree with a leading axis [m] (weights, or keys that they follow from), one
slice of which goes to ``log_prob`` and ``draw``. Points are worked through in chunks: memory holds m chunks.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Predicted(NamedTuple):
    """mean: p(x). spread: sigma_pred(x), with m - 1 in the denominator. Both [...] as the points or bins."""

    mean: Array
    spread: Array


def predicted(values: Float[Array, "m *n"]) -> Predicted:
    """Mean and spread over the networks of densities [m, ...]."""
    return Predicted(jnp.mean(values, axis=0), jnp.std(values, axis=0, ddof=1))


def density_at(log_prob: Callable, members, points: Float[Array, "n d"], chunk: int = 4096) -> Predicted:
    """p and sigma_pred at points: thesis Eq. (3.35).

    Args:
      log_prob: (member, points [n, d]) -> [n]. members: [m, ...]. points: [n, d].
      chunk: Points at a time, for all members together.
    """

    def one(x):
        return predicted(jnp.exp(jax.vmap(lambda member: log_prob(member, x[None])[0])(members)))

    return jax.lax.map(one, points, batch_size=min(chunk, len(points)))


def fresh_marginal(
    draw: Callable, members, key, edges: Float[Array, " edges"], num_points: int, chunk: int = 16384
) -> Float[Array, "m bins"]:
    """The marginal density of each network in bins, from points of its own: thesis section 3.3.5.

    Its spread over the networks holds the statistics of the points, p / (N width) in variance, as well.

    Args:
      draw: (member, key, n) -> values of an observable, [n]. members: [m, ...].
      edges: Increasing. num_points: N, rounded up to whole chunks. chunk: Points at a time.
    """
    rounds = -(-num_points // chunk)

    def of_member(args):
        member, key = args

        def body(counts, key):
            return counts + _histogram(draw(member, key, chunk), jnp.ones(chunk), edges), None

        return jax.lax.scan(body, jnp.zeros(len(edges) - 1), jax.random.split(key, rounds))[0]

    size = len(jax.tree.leaves(members)[0])
    counts = jax.lax.map(of_member, (members, jax.random.split(key, size)))
    return counts / (rounds * chunk * jnp.diff(edges))


def same_marginal(
    sample: Callable,
    log_prob: Callable,
    members,
    key,
    observable: Callable,
    edges: Float[Array, " edges"],
    num_points: int,
    chunk: int = 4096,
) -> Float[Array, "m bins"]:
    """The same from points that all networks share, each weighing them by its own density: thesis Eq. (3.36).

    Points are drawn from the mean density, in equal parts from every network, and count p(x | theta) / p(x), which is
    at most m. What they fluctuate is common to all networks, so that their spread is free of most of it.

    Args:
      sample: (member, key, n) -> points [n, d]. log_prob: (member, points [n, d]) -> [n].
      observable: points [n, d] -> [n]. num_points: N, rounded up to whole chunks. chunk: Points at a time.
    """
    size = len(jax.tree.leaves(members)[0])
    each = max(1, chunk // size)
    rounds = -(-num_points // (each * size))

    def body(counts, key):
        x = jax.lax.map(lambda a: sample(a[0], a[1], each), (members, jax.random.split(key, size)))
        x = x.reshape(each * size, -1)
        log_p = jax.lax.map(lambda member: log_prob(member, x), members)
        weight = jnp.exp(log_p - (jax.nn.logsumexp(log_p, axis=0) - jnp.log(size)))
        return counts + jax.vmap(lambda w: _histogram(observable(x), w, edges))(weight), None

    counts = jax.lax.scan(body, jnp.zeros((size, len(edges) - 1)), jax.random.split(key, rounds))[0]
    return counts / (rounds * each * size * jnp.diff(edges))


def _histogram(values, weight, edges):
    """Sum of weights [bins]; what lies outside counts nowhere."""
    at = jnp.searchsorted(edges, values, side="right") - 1
    inside = (values >= edges[0]) & (values < edges[-1])
    return jnp.zeros(len(edges) - 1).at[jnp.where(inside, at, 0)].add(jnp.where(inside, weight, 0.0))
