"""Transverse momentum balance of events whose leaves recoil against each other."""

import numpy as np
from jaxtyping import Float


def momentum_balance(momenta: Float[np.ndarray, "*n p 4"]) -> Float[np.ndarray, "*n"]:
    """Largest |sum_i p_i| of the components x and y, relative to sum_i (|px_i| + |py_i|): 0 is balanced.

    Args:
      momenta: Leaves (E, px, py, pz) in GeV, any leading shape.
    """
    # sums in float64, so that what is seen is the rounding of the momenta and not of the sum
    transverse = momenta[..., 1:3]
    total = np.abs(np.sum(transverse, axis=-2, dtype=np.float64)).max(axis=-1)
    scale = np.sum(np.abs(transverse), axis=(-1, -2), dtype=np.float64)
    return np.asarray(total / np.maximum(scale, 1e-30))
