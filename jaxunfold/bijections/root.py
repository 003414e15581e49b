"""The root of an increasing function of one variable, with the derivatives of the implicit function theorem."""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def increasing_root(f: Callable, lower, upper, iterations: int = 40):
    """x in [lower, upper] with f(x) = 0, for a strictly increasing f of a scalar.

    Newton steps, each replaced by a bisection where it would leave the bracket; the bracket shrinks at every step.
    A fixed number of them, so that it compiles once. Derivatives with respect to whatever f closes over are those
    of the root itself, and never go through the search: ``lax.custom_root``.

    Args:
      f: Scalar to scalar, differentiable. lower, upper: f(lower) <= 0 <= f(upper).
    """

    def solve(f, middle):
        def step(_, state):
            x, low, high = state
            value, slope = jax.value_and_grad(f)(x)
            low, high = jnp.where(value < 0, x, low), jnp.where(value < 0, high, x)
            newton = x - value / slope
            inside = (newton >= low) & (newton <= high)
            return jnp.where(inside, newton, 0.5 * (low + high)), low, high

        return jax.lax.fori_loop(0, iterations, step, (middle, low, high))[0]

    low, high = jax.lax.stop_gradient((lower, upper))
    return jax.lax.custom_root(f, 0.5 * (low + high), solve, lambda linear, y: y / linear(jnp.ones_like(y)))
