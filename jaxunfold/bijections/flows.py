"""A flow from a few words of a config: blocks of (permutation, global affine, coupling) under one scan."""

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
    return repeat(chain(permutation(dim), global_affine(dim), layer), blocks)
