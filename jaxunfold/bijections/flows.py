"""A flow from a few words of a config: blocks of (permutation, global affine, coupling) under one scan."""

import jax
import jax.numpy as jnp

from jaxunfold.bijections.affine import affine_coupling, global_affine
from jaxunfold.bijections.base import Bijection
from jaxunfold.bijections.chain import chain, repeat
from jaxunfold.bijections.permutation import permutation
from jaxunfold.bijections.spline import spline_coupling

COUPLINGS = {"affine": affine_coupling, "spline": spline_coupling}


def build_flow(dim: int, cond: int, *, coupling: str = "spline", blocks: int = 10, **options) -> Bijection:
    """An all-in-one coupling flow: thesis section 2.4.1.

    Args:
      dim: Components of an event. cond: size of the condition.
      coupling: A key of ``COUPLINGS``. blocks: how many.
      options: Of the coupling and of ``networks.conditioner``.
    Raises: ValueError if the coupling is unknown.
    """
    if coupling not in COUPLINGS:
        raise ValueError(f"coupling: expected one of {', '.join(COUPLINGS)}, got {coupling!r}")
    layer = COUPLINGS[coupling](dim, cond, **options)
    flow = repeat(chain(permutation(dim), global_affine(dim), layer), blocks)

    def init(key):
        first, *rest = flow.init(key)
        rank = first["rank"]
        if blocks > 1:
            rank = _redrawn_until_all_change(rank, key)
        return ({"rank": rank}, *rest)

    return flow._replace(init=init)


def _redrawn_until_all_change(rank, key):
    """Permutations [blocks, dim] by which every component is in the transformed half at least once.

    Without it one flow in four of two components and three blocks would leave one of them as it came, whatever
    was measured; with ten components and blocks it is one in a hundred.
    """
    blocks, dim = rank.shape

    def stuck(carry):
        def body(place, block):
            place = place[jnp.argsort(block)]
            return place, jnp.zeros(dim, bool).at[place[dim // 2 :]].set(True)

        changed = jax.lax.scan(body, jnp.arange(dim), carry[0])[1]
        return ~jnp.all(jnp.any(changed, axis=0))

    def redraw(carry):
        keys = jax.random.split(carry[1], blocks + 1)
        drawn = jax.vmap(lambda k: jax.random.permutation(k, dim))(keys[1:])
        return drawn.astype(rank.dtype), keys[0]

    return jax.lax.while_loop(stuck, redraw, (rank, key))[0]
