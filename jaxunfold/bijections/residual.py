"""Residual flow: x plus a contraction of x. Thesis Eq. (1.24); Behrmann et al., arXiv:1811.00995.

The network's Lipschitz bound is that of ``networks.contractive``, by norms of its matrices.
"""

import math

import jax
import jax.numpy as jnp

from jaxunfold.bijections.base import Bijection
from jaxunfold.networks.contractive import contractive

LOG_DETS = ("exact", "series")


def log_det_series(jacobian, terms: int):
    r"""log det(1 + J) = sum_k (-1)^(k+1) tr(J^k) / k to a number of terms: arXiv:1811.00995, Eq. (4).

    With a spectral norm c < 1 of J, [d, d], what is left out is at most d c^(terms + 1) / (1 - c) / (terms + 1).
    """

    def body(carry, k):
        power, total = carry
        total = total - jnp.trace(power) * jnp.where(k % 2 == 0, 1.0, -1.0).astype(power.dtype) / k
        return (jnp.matmul(power, jacobian, precision=jax.lax.Precision.HIGHEST), total), None

    start = (jacobian, jnp.zeros((), jacobian.dtype))
    return jax.lax.scan(body, start, jnp.arange(1, terms + 1))[0][1]


def residual(
    dim: int,
    cond: int,
    lipschitz: float = 0.9,
    log_det: str = "exact",
    terms: int = 20,
    **network,
) -> Bijection:
    """z = x + f(x; cond), where f is a contraction in x. The inverse is a fixed point iteration, x <- z - f(x).

    Args:
      dim: Components of an event. cond: size of the condition.
      lipschitz: Bound on the slope of f, below 1; iterations, errors and what the map can do grow with it.
      log_det: "exact", by the determinant of the d x d Jacobian, or "series", its power series with exact traces.
      terms: Of the series; ``log_det_series`` says what that leaves out.
      network: Options of ``networks.contractive.contractive``.
    Raises: ValueError if log_det is unknown or terms < 1.
    """
    if log_det not in LOG_DETS:
        raise ValueError(f"log_det: expected one of {', '.join(LOG_DETS)}, got {log_det!r}")
    if terms < 1:
        raise ValueError(f"terms: expected at least 1, got {terms}")
    net = contractive(dim, cond, lipschitz, **network)

    def step_and_log_det(weights, x, ctx):
        step, push = jax.linearize(lambda v: net.apply(weights, v, ctx), x)
        jacobian = jax.vmap(push, out_axes=1)(jnp.eye(dim, dtype=x.dtype))
        if log_det == "series":
            return step, log_det_series(jacobian, terms)
        return step, jnp.linalg.slogdet(jnp.eye(dim, dtype=x.dtype) + jacobian)[1]

    def forward(params, x, ctx):
        step, value = step_and_log_det(net.scaled(params), x, ctx)
        return x + step, value

    def inverse(params, z, ctx):
        weights = net.scaled(params)
        x = _fixed_point(lambda v: net.apply(weights, v, ctx), z, lipschitz)
        return x, -step_and_log_det(weights, x, ctx)[1]

    return Bijection(net.init, net.context, forward, inverse)


def _fixed_point(f, z, lipschitz):
    """x with x + f(x) = z; its derivatives are the implicit ones and never go through the iteration."""
    accuracy = 2 * float(jnp.finfo(z.dtype).eps)
    # the error shrinks by lipschitz at each step, so these are enough, and mostly too many
    most = math.ceil(math.log(accuracy) / math.log(lipschitz)) + 1

    def solve(equation, x):
        def unfinished(state):
            x, change, i = state
            return (i < most) & (change > accuracy * (1 + jnp.max(jnp.abs(x))))

        def step(state):
            x, _, i = state
            change = equation(x)
            return x - change, jnp.max(jnp.abs(change)), i + 1

        return jax.lax.while_loop(unfinished, step, (x, jnp.full((), jnp.inf, x.dtype), 0))[0]

    def tangent(linear, y):
        matrix = jax.vmap(linear, out_axes=1)(jnp.eye(y.shape[0], dtype=y.dtype))
        return jnp.linalg.solve(matrix, y)

    return jax.lax.custom_root(lambda x: x + f(x) - z, z, solve, tangent)
