r"""Does a network's uncertainty look like that of a fit? Thesis section 3.3, Eqs. (3.23) to (3.34).

If a flow acts like a fit of a density's few parameters, then the spread of its density is theirs, propagated:

.. math:: \sigma_{pred}^2(u) = \sum_k (\partial p(u; \theta) / \partial \theta_k)^2 (\Delta \theta_k)^2

The derivatives are automatic ones of the closed form. They agree with Eqs. (3.26) and (3.30); the second term of Eq.
(3.34) lacks the factor G(r) / r that differentiation gives it, as it does the first (and both 1 / pi).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import nnls


class Fit(NamedTuple):
    """widths: {parameter: Delta}. curve: the fitted sigma at the same points, [n]. residual: rms of sigma - curve."""

    widths: dict[str, float]
    curve: np.ndarray
    residual: float


def propagated(density: Callable, parameters: Mapping[str, float], u) -> dict[str, np.ndarray]:
    """|dp / d theta_k| at u [n] for every parameter, at its true value.

    Args:
      density: (u [n], *parameters) -> [n].
    """
    found = jax.jacfwd(lambda *values: density(jnp.asarray(u), *values), tuple(range(len(parameters))))(
        *(jnp.asarray(value, jnp.result_type(float)) for value in parameters.values())
    )
    return {name: np.abs(np.asarray(slope)) for name, slope in zip(parameters, found, strict=True)}


def fit_widths(slopes: Mapping[str, Float[np.ndarray, " n"]], spread: Float[np.ndarray, " n"]) -> Fit:
    """The widths of the parameters that describe a spread best: least squares in the variance, none negative.

    Args:
      slopes: |dp / d theta_k| at the points. spread: sigma_pred there, over which each point's residual is taken, so
        that all count alike.
    """
    variance = np.asarray(spread, np.float64) ** 2
    design = np.stack([np.asarray(slope, np.float64) ** 2 for slope in slopes.values()], -1)
    found, _ = nnls(design / variance[:, None], np.ones(len(variance)))
    curve = np.sqrt(design @ found)
    residual = float(np.sqrt(np.mean((spread - curve) ** 2)))
    return Fit({name: float(np.sqrt(x)) for name, x in zip(slopes, found, strict=True)}, curve, residual)


def local_minima(u: Float[np.ndarray, " n"], spread: Float[np.ndarray, " n"], smooth: float = 0.03) -> list[float]:
    """Where a curve has local minima, ends aside, after smoothing with a normal of this part of the range. [u]"""
    step = (u[-1] - u[0]) / (len(u) - 1)
    curve = gaussian_filter1d(np.asarray(spread, np.float64), smooth * (u[-1] - u[0]) / step, mode="nearest")
    inner = np.flatnonzero((curve[1:-1] < curve[:-2]) & (curve[1:-1] <= curve[2:])) + 1
    return [float(u[i]) for i in inner]
