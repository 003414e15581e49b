r"""Calibration of a classifier on held-out events, before its logits serve as log-weights.

A classifier that is too sure of itself gives weights that are too far from one. *Temperature* (Guo et al.,
arXiv:1706.04599, with Platt's offset) maps the logit l to a l + b, which stays smooth and can be pulled back to a
latent space with its gradient; *isotonic* (Zadrozny, Elkan, 2002) is the best rising step function, for
reweighting alone.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class Temperature(NamedTuple):
    """Logit -> scale * logit + shift; scale is one over the temperature."""

    scale: Array
    shift: Array

    def __call__(self, logit: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return self.scale * logit + self.shift


class Isotonic(NamedTuple):
    """Logit -> a rising, piecewise linear function through (knots, values), constant outside, [k]."""

    knots: Array
    values: Array

    def __call__(self, logit: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return jnp.interp(logit, self.knots, self.values)


def fit_temperature(logit, weight, against, steps: int = 30) -> Temperature:
    """Minimum of the cross entropy in scale and shift, by Newton's method.

    Args:
      logit: Of held-out events of both samples, [n]. weight, against: Of each in the sample of label 1 and of 0, [n],
        not negative; the ratio is that of the two densities, whatever the sums of the weights.
    """
    logit, weight, against = (np.asarray(x, np.float64) for x in (logit, weight, against))
    weight, against = weight / weight.sum(), against / against.sum()
    features = np.stack([logit, np.ones_like(logit)])
    theta = np.array([1.0, 0.0])

    def loss(theta):
        found = theta @ features
        return np.sum(weight * np.logaddexp(0, -found) + against * np.logaddexp(0, found))

    for _ in range(steps):
        f = 1 / (1 + np.exp(-(theta @ features)))
        gradient = features @ ((weight + against) * f - weight)
        curvature = (features * ((weight + against) * f * (1 - f))) @ features.T + 1e-12 * np.eye(2)
        move = np.linalg.solve(curvature, gradient)
        # halved until it descends: the cross entropy is convex, so that this ends at the minimum
        size = 1.0
        while loss(theta - size * move) > loss(theta) and size > 1e-6:
            size /= 2
        theta = theta - size * move
        if np.abs(size * move).max() < 1e-10:
            break
    return Temperature(*(jnp.asarray(value, jnp.float32) for value in theta))


def fit_isotonic(logit, weight, against, floor: float = 1e-6) -> Isotonic:
    """Best rising function of the logit to the probability of label 1, as a logit again.

    Args: See ``fit_temperature``. floor: Probabilities are kept this far from 0 and 1, so that logits are finite.
    """
    from sklearn.isotonic import IsotonicRegression

    logit, weight, against = (np.asarray(x, np.float64) for x in (logit, weight, against))
    weight, against = weight / weight.sum(), against / against.sum()
    both = weight + against
    seen = both > 0
    regression = IsotonicRegression(y_min=floor, y_max=1 - floor, out_of_bounds="clip")
    regression.fit(logit[seen], weight[seen] / both[seen], sample_weight=both[seen])
    p = regression.y_thresholds_
    values = np.log(p) - np.log1p(-p)
    return Isotonic(jnp.asarray(regression.X_thresholds_, jnp.float32), jnp.asarray(values, jnp.float32))


CALIBRATIONS = {"temperature": fit_temperature, "isotonic": fit_isotonic}
"""(logit [n], weight [n], against [n]) -> a function of logits."""
