r"""A kinematic fit of one measured event: the truth coordinates that agree best with all that was measured.

.. math:: \chi^2(x) = \sum_i \frac{(g_i(x) - m_i - b_i)^2}{\sigma_i^2} + \sum_j \frac{(x_j - \mu_j)^2}{s_j^2}

with g the log pT, eta and phi of every leaf, m their measured values, b and sigma the median and width of
m's resolution in training events, and a prior on the coordinates that are narrow in truth (masses). Its
minimum and curvature are Laplace's approximation of the posterior: a network that works relative to them is
left with what is not Gaussian.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxunfold.physics import fourvectors as fv

# in full precision: GPUs round the factors of a product to ten bits by default
dot = partial(jnp.dot, precision=jax.lax.Precision.HIGHEST)
STEPS = 5
TAIL = 3.0


class Resolution(NamedTuple):
    """bias, width: of measured - true (log pT, eta, phi) of each leaf, [3 p]. prior, prior_width: [d], infinite
    width where there is none."""

    bias: Array
    width: Array
    prior: Array
    prior_width: Array


class FitResult(NamedTuple):
    """x: the minimum, [d]. curvature: J^T W J there, with Huber's weights, [d, d].
    pulls: (measured - fitted) / width, [3 p]."""

    x: Array
    curvature: Array
    pulls: Array


def measured(p: Float[Array, "p 4"]) -> Float[Array, " m"]:
    """log pT, eta and phi of every particle, [3 p]; harmless numbers for an absent one."""
    present = p[:, 0] > 0
    safe = jnp.where(present[:, None], p, jnp.asarray([1.0, 1.0, 0.0, 0.0], p.dtype))
    return jnp.concatenate([jnp.log(fv.pt(safe)), fv.eta(safe), fv.phi(safe)])


def difference(a: Float[Array, " m"], b: Float[Array, " m"]) -> Float[Array, " m"]:
    """a - b of two ``measured`` vectors, azimuths wrapped."""
    delta = a - b
    angles = np.arange(delta.shape[0]) >= 2 * delta.shape[0] // 3
    return jnp.where(angles, fv.wrap_angle(delta), delta)


def fit_resolution(residuals: np.ndarray, coordinates: np.ndarray, has_prior: np.ndarray) -> Resolution:
    """Medians and half-widths of the central 68 per cent in training events.

    Args:
      residuals: ``difference`` of measured and true, [n, 3 p].
      coordinates: Truth coordinates, [n, d]. has_prior: which of them get a prior, [d].
    """
    low, middle, high = np.quantile(residuals, [0.16, 0.5, 0.84], axis=0)
    prior_low, prior, prior_high = np.quantile(coordinates, [0.16, 0.5, 0.84], axis=0)
    width = np.maximum((high - low) / 2, 1e-4)
    prior_width = np.where(has_prior, np.maximum((prior_high - prior_low) / 2, 1e-4), np.inf)
    return Resolution(*(jnp.asarray(a, jnp.float32) for a in (middle, width, prior, prior_width)))


def kinematic_fit(
    decode: Callable, start: Float[Array, " d"], seen: Float[Array, " m"], resolution: Resolution
) -> FitResult:
    """Minimise chi^2 by damped Gauss-Newton steps (Levenberg-Marquardt) from the measured coordinates.

    Args:
      decode: Coordinates [d] -> momenta [p, 4]. start: Where to begin. seen: ``measured`` of the reco objects.
    """
    free = ~jnp.isfinite(resolution.prior_width)
    prior_width = jnp.where(free, 1.0, resolution.prior_width)
    start = jnp.where(free, start, resolution.prior)

    def residuals(x):
        data = difference(measured(decode(x)), seen - resolution.bias) / resolution.width
        return jnp.concatenate([data, jnp.where(free, 0.0, (x - resolution.prior) / prior_width)])

    def step(_, carry):
        x, trial, best, pulls, hessian, gradient, damping = carry
        # value and Jacobian from one graph: half the compile time of asking for each
        r, jacobian = jax.vmap(lambda v: jax.jvp(residuals, (trial,), (v,)), out_axes=(None, 1))(
            jnp.eye(x.size, dtype=x.dtype)
        )
        # Huber's loss: a leg far off its measurement pulls linearly, as radiation makes such tails
        size = jnp.abs(r)
        chi2 = jnp.sum(jnp.where(size < TAIL, r**2, 2 * TAIL * size - TAIL**2))
        robust = jnp.minimum(1.0, TAIL / jnp.maximum(size, 1e-6))
        better = chi2 < best
        x, best = jnp.where(better, trial, x), jnp.where(better, chi2, best)
        pulls = jnp.where(better, -r[: seen.shape[0]], pulls)
        hessian = jnp.where(better, dot(jacobian.T, robust[:, None] * jacobian), hessian)
        gradient = jnp.where(better, dot(jacobian.T, robust * r), gradient)
        damping = jnp.clip(jnp.where(better, damping / 5, damping * 5), 1e-6, 1e3)
        damped = hessian + jnp.diag(jnp.diag(hessian) * damping + 1e-3)
        move = jnp.linalg.solve(damped, -gradient)
        return x, x + jnp.clip(move, -0.7, 0.7), best, pulls, hessian, gradient, damping

    zero = jnp.zeros_like(start)
    worst, damping = jnp.asarray(jnp.inf, start.dtype), jnp.asarray(5e-2, start.dtype)
    carry = (start, start, worst, jnp.zeros_like(seen), jnp.diag(zero), zero, damping)
    x, _, _, pulls, hessian, _, _ = jax.lax.fori_loop(0, STEPS, step, carry)
    return FitResult(x, hessian, pulls)


def whitening(curvature: Float[Array, "d d"], relative: np.ndarray) -> Float[Array, "d d"]:
    r"""The matrix that makes the relative coordinates' Laplace posterior, given the absolute ones, white.

    With H = L L^T, relative coordinates first, it is L^T in their rows and the identity in the others':
    (L^T delta)_r = L_rr^T (delta_r + H_rr^{-1} H_ra delta_a).

    Args:
      curvature: H. relative: Which coordinates are relative, [d].
    """
    order = np.argsort(~relative, kind="stable")
    count = int(relative.sum())
    ordered = curvature[order][:, order] + 1e-2 * jnp.eye(len(order), dtype=curvature.dtype)
    rows = jnp.linalg.cholesky(ordered).T[:count]
    matrix = jnp.concatenate([rows, jnp.eye(len(order), dtype=rows.dtype)[count:]])
    back = np.argsort(order)
    return matrix[back][:, back]
