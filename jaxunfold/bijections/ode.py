r"""The map of an ordinary differential equation dx/dt = v(x, t) between the latent at t = 0 and truth at t = 1.

Chen et al., arXiv:1806.07366: the log-determinant is the integral of the trace of dv/dx; Grathwohl et al.,
arXiv:1810.01367: Hutchinson's estimate of that trace. The solvers are diffrax's (Kidger, arXiv:2202.02435).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

SOLVERS = {"euler": "Euler", "midpoint": "Midpoint", "heun": "Heun", "tsit5": "Tsit5", "dopri5": "Dopri5"}
"""What diffrax calls them."""


class Ode(NamedTuple):
    """A ``Bijection`` without parameters of its own, whose params are those of the velocity.

    forward: (params, x [d], context, key) -> (z [d], log|dz/dx|): truth to latent, t from 1 to 0.
    inverse: (params, z [d], context, key) -> (x [d], log|dx/dz|): t from 0 to 1.
    draw: (params, z [d], context) -> x [d]: the inverse without its log-determinant, and so much cheaper.
    costed: as forward, with a third output [2]: the squares of velocity and Jacobian, each summed over its elements,
      divided by d and integrated along the path (Finlay et al., arXiv:2002.02798).

    The key is that of Hutchinson's probes, and not looked at where the trace is exact. A solve that fails, one that
    needs more than ``max_steps``, gives NaN.
    """

    forward: Callable
    inverse: Callable
    draw: Callable
    costed: Callable


def make_solve(
    kind: str = "tsit5", steps: int = 0, rtol: float = 1e-5, atol: float = 1e-5, max_steps: int = 256
) -> Callable:
    """(field: (t, y) -> dy/dt, y at t0, t0, t1) -> y at t1, NaN where the solver does not get there.

    Args:
      kind: A key of ``SOLVERS``.
      steps: So many equal steps; 0 for steps that adapt to the error that the solver estimates.
      rtol, atol: Relative and absolute error of an adaptive step. max_steps: the most of them.
    Raises: ValueError if the kind is unknown, a number is out of range, or Euler's method is asked to adapt.
    """
    if kind not in SOLVERS:
        raise ValueError(f"solver.kind: expected one of {', '.join(SOLVERS)}, got {kind!r}")
    if steps < 0 or max_steps < 1:
        raise ValueError(f"solver: expected steps >= 0 and max_steps >= 1, got {steps} and {max_steps}")
    if steps == 0 and kind == "euler":
        raise ValueError("solver.steps: expected at least 1 with kind 'euler', which estimates no error, got 0")
    if rtol < 0 or atol < 0 or rtol + atol == 0:
        raise ValueError(f"solver: expected rtol, atol >= 0 and one of them positive, got {rtol} and {atol}")
    import diffrax  # half a second, which those who solve nothing do not wait for

    if steps:
        # one more, as the sum of many steps may stop short of the end by a rounding error
        controller, most = diffrax.ConstantStepSize(), steps + 1
    else:
        controller, most = diffrax.PIDController(rtol=rtol, atol=atol), max_steps

    def solve(field, y, t0: float, t1: float):
        dtype = jax.tree.leaves(y)[0].dtype
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, _: field(t, y)),
            getattr(diffrax, SOLVERS[kind])(),
            t0=jnp.asarray(t0, dtype),
            t1=jnp.asarray(t1, dtype),
            dt0=jnp.asarray((t1 - t0) / steps, dtype) if steps else None,
            y0=y,
            stepsize_controller=controller,
            max_steps=most,
            throw=False,
        )
        good = found.result == diffrax.RESULTS.successful
        return jax.tree.map(lambda a: jnp.where(good, a[-1], jnp.nan), found.ys)

    return solve


def exact_trace(velocity: Callable, x):
    """(v [d], tr dv/dx [], |dv/dx|^2 []) by one derivative along each component."""
    v, push = jax.linearize(velocity, x)
    jacobian = jax.vmap(push)(jnp.eye(x.size, dtype=x.dtype))
    return v, jnp.trace(jacobian), jnp.sum(jacobian**2)


def hutchinson_trace(velocity: Callable, x, probes):
    """As ``exact_trace``, estimated by the means of e . (dv/dx) e and |(dv/dx) e|^2 over probes e [m, d]."""
    v, push = jax.linearize(velocity, x)
    pushed = jax.vmap(push)(probes)
    return v, jnp.mean(jnp.sum(probes * pushed, axis=-1)), jnp.mean(jnp.sum(pushed**2, axis=-1))


def ode(velocity: Callable, solver: dict | None = None, probes: int = 0) -> Ode:
    """The bijection of a velocity.

    Args:
      velocity: (params, x [d], t [], context) -> [d].
      solver: Options of ``make_solve``.
      probes: Of Hutchinson's estimate, random signs, the same ones all along a solve: arXiv:1810.01367, section 3.1.
        0 for the exact trace, which costs d derivatives at each step.
    Raises: ValueError if an option is unknown or out of range.
    """
    solve = make_solve(**(solver or {}))
    if probes < 0:
        raise ValueError(f"probes: expected at least 0, got {probes}")

    def run(t0, t1, costed=False):
        def apply(params, y, ctx, key=None):
            if probes and key is None:
                raise ValueError("key: expected one for the probes of the trace, got None")
            signs = jax.random.rademacher(key, (probes, y.size), y.dtype) if probes else None

            def field(t, state):
                def v(y):
                    return velocity(params, y, t, ctx)

                found, trace, norm = hutchinson_trace(v, state[0], signs) if probes else exact_trace(v, state[0])
                # a path runs either way, a cost grows along both
                cost = jnp.stack([jnp.mean(found**2), norm / y.size]) * (1 if t1 > t0 else -1)
                return (found, trace, cost) if costed else (found, trace)

            start = (y, jnp.zeros((), y.dtype))
            return solve(field, (*start, jnp.zeros(2, y.dtype)) if costed else start, t0, t1)

        return apply

    def draw(params, z, ctx):
        return solve(lambda t, y: velocity(params, y, t, ctx), z, 0.0, 1.0)

    return Ode(run(1.0, 0.0), run(0.0, 1.0), draw, run(1.0, 0.0, costed=True))
