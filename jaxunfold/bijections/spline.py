"""Rational-quadratic spline coupling: Durkan et al., arXiv:1906.04032."""

from jaxunfold.bijections.base import Bijection
from jaxunfold.bijections.coupling import coupling
from jaxunfold.bijections.rational_quadratic import spline


def spline_coupling(dim: int, cond: int, bins: int = 8, bound: float = 5.0, **network) -> Bijection:
    """Second half through monotone splines on [-bound, bound], given the first half and the condition.

    Args:
      dim: Components of an event. cond: size of the condition.
      bins: Bins of each spline; 3 bins - 1 numbers describe it. bound: the identity beyond it.
      network: Options of ``networks.conditioner``.
    Raises: ValueError if bins < 1 or bound <= 0.
    """
    if bins < 1 or bound <= 0:
        raise ValueError(f"bins, bound: expected bins >= 1 and bound > 0, got {bins} and {bound}")

    def transform(x, theta):
        return spline(x, theta, bound)

    def inverse_transform(z, theta):
        return spline(z, theta, bound, inverse=True)

    return coupling(dim, cond, 3 * bins - 1, transform, inverse_transform, **network)
