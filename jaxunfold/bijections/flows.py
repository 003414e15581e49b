"""A flow from a few words of a config: blocks of (permutation, global affine, coupling) under one scan."""

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
        mixing, *rest = flow.init(key)
        return ({"rank": _every_second_swaps_halves(mixing["rank"])}, *rest)

    return flow._replace(init=init)


def _every_second_swaps_halves(rank):
    """Permutations [blocks, dim], every second one made to swap the halves that its predecessor leaves.

    Every component is then transformed once in each pair of blocks; with random permutations alone some are
    transformed in two of ten blocks, and a few in none.
    """
    blocks, dim = rank.shape
    swap = jnp.roll(jnp.arange(dim, dtype=rank.dtype), dim // 2)
    return jnp.where(jnp.arange(blocks)[:, None] % 2 == 1, swap, rank)
