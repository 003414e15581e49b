"""A Gaussianising quantile map as a bijection: its knots are the quantiles of the first batch, then fixed."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.bijections.base import Bijection, no_context
from jaxunfold.bijections.quantile import Quantiles, from_normal, levels_of, reach_of, to_normal


def quantile_map(dim: int, knots: int = 17) -> Bijection:
    """Each component through a smooth monotone function that makes the first batch standard normal.

    The identity until ``start`` has seen the batch, whose event weights it does not see. Nothing of it is trained.

    Args:
      dim: Components of an event. knots: of each function, at least 3; linear beyond the outermost.
    Raises: ValueError if knots < 3.
    """
    if knots < 3:
        raise ValueError(f"knots: expected at least 3, got {knots}")

    def quantiles(params):
        return Quantiles(*jax.lax.stop_gradient(params["knots"]))

    def init(key):
        line = jnp.broadcast_to(jnp.linspace(-2.0, 2.0, knots), (dim, knots))
        return {"knots": jnp.stack([line, line, jnp.ones((dim, knots))])}

    def start(params, x, ctx):
        reach = reach_of(len(x))
        scores = np.linspace(-reach, reach, knots)
        values = jnp.quantile(x, jnp.asarray(levels_of(scores), x.dtype), axis=0).T
        # repeated values would make a vertical step: knots stay apart by a hair of the range
        span = 1e-3 + values[:, -1:] - values[:, :1]
        values = values + 1e-4 * span * jnp.arange(knots)
        width, height = jnp.diff(values, axis=1), jnp.diff(jnp.asarray(scores, x.dtype))
        secant = height / width
        inner = (width[:, 1:] + width[:, :-1]) / (width[:, 1:] / secant[:, 1:] + width[:, :-1] / secant[:, :-1])
        slope = jnp.concatenate([secant[:, :1], inner, secant[:, -1:]], axis=1)
        return {"knots": jnp.stack([values, jnp.broadcast_to(jnp.asarray(scores, x.dtype), values.shape), slope])}

    def run(direction):
        def apply(params, x, ctx):
            y, log_derivative = direction(quantiles(params), x)
            return y, jnp.sum(log_derivative)

        return apply

    return Bijection(init, no_context, run(to_normal), run(from_normal), start)
