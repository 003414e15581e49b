r"""Integrals over the unit hypercube by importance sampling with a flow that follows the integrand.

Points x are drawn with the density q(x) of a coupling flow, so that with w = f(x) / q(x)

.. math:: I = \int d^dx\, f(x) = \langle w \rangle_q, \qquad \sigma_I^2 = (\langle w^2 \rangle - I^2) / N

and q is trained on its own points towards f / I: Mueller et al., arXiv:1808.03856; Gao, Isaacson, Krause (i-flow),
arXiv:2001.05486, section 2; the review arXiv:2008.08558, section 3.1. The gradient of every loss is one of log q
alone, weighted by a function of w, so that the integrand needs no derivative and may have sharp cuts.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.stats import norm
from jaxtyping import Array, Float

from jaxunfold.bijections.flows import build_flow
from jaxunfold.errors import InputError
from jaxunfold.losses.likelihood import standard_normal_log_prob
from jaxunfold.types import Key, Params

SCORES = {
    "chi2": lambda w: w**2,
    "kl": lambda w: w,
    "exponential": lambda w: 2 * w * jnp.log(jnp.maximum(w, 1e-30)),
}
r"""c(w) of w = p / q, with the gradient of the loss being :math:`-\langle c(w) \nabla \log q \rangle_q`.

Pearson's :math:`\int (p - q)^2 / q`, Kullback-Leibler's :math:`\int p \log p / q` and the exponential divergence
:math:`\int p \log^2 p / q`: arXiv:2001.05486, Eqs. (13) to (15).
"""
EDGE = 1e-6


class Sampler(NamedTuple):
    """init: key -> params. draw: (params, key, n) -> (x [n, d] in (0, 1), log q(x) [n]).

    log_prob: (params, x [n, d]) -> log q(x), [n].
    """

    init: Callable
    draw: Callable
    log_prob: Callable


class Integral(NamedTuple):
    """value and error of an integral; efficiency: of unweighting, see ``unweighting_efficiency``; ess: per point."""

    value: float
    error: float
    efficiency: float
    ess: float


def build_sampler(dim: int, **flow) -> Sampler:
    """A flow on the unit hypercube, x = Phi(y) of a flow y of normal latents: it starts as the uniform density.

    Args: dim: of the hypercube, at least 2. flow: options of ``bijections.flows.build_flow``.
    """
    if dim < 2:
        raise InputError(f"integration: expected 2 dimensions or more, found {dim}")
    bijection = build_flow(dim, 0, **{"blocks": 6, "bins": 12, "bound": 4.0, "hidden": 64, "layers": 2, **flow})

    def log_prob_of_normal(params, y):
        z, log_det = bijection.forward(params, y, bijection.context(params, jnp.zeros(0)))
        return standard_normal_log_prob(z) + log_det - standard_normal_log_prob(y)

    def draw(params, key, n):
        context = bijection.context(params, jnp.zeros(0))

        def one(z):
            y, log_det = bijection.inverse(params, z, context)
            return norm.cdf(y), standard_normal_log_prob(z) - log_det - standard_normal_log_prob(y)

        x, log_q = jax.vmap(one)(jax.random.normal(key, (n, dim)))
        return jnp.clip(x, EDGE, 1 - EDGE), log_q

    def log_prob(params, x):
        return jax.vmap(partial(log_prob_of_normal, params))(norm.ppf(jnp.clip(x, EDGE, 1 - EDGE)))

    return Sampler(bijection.init, draw, log_prob)


def train(
    key: Key,
    sampler: Sampler,
    integrand: Callable[[Array], Array],
    *,
    loss: str = "kl",
    steps: int = 600,
    batch_size: int = 2048,
    learning_rate: float = 3e-3,
) -> tuple[Params, Float[Array, " s"]]:
    """Train a sampler on its own points, in one compiled program.

    Args:
      integrand: x [n, d] in the unit hypercube -> f(x) >= 0, [n].
      loss: A key of ``SCORES``. steps, batch_size: of the training. learning_rate: peak; it falls along a cosine.
    Returns: params; the relative standard deviation of the weights in every step.
    Raises: InputError for an unknown loss.
    """
    if loss not in SCORES:
        raise InputError(f"loss: expected one of {', '.join(SCORES)}, found {loss!r}")
    optimizer = optax.chain(
        optax.clip_by_global_norm(5.0), optax.adam(optax.cosine_decay_schedule(learning_rate, steps, 0.01))
    )

    def surrogate(params, x, score):
        return -jnp.mean(score * sampler.log_prob(params, x))

    def step(carry, key):
        params, opt_state = carry
        x, log_q = sampler.draw(params, key, batch_size)
        w = integrand(x) * jnp.exp(-log_q)
        w = w / jnp.maximum(jnp.mean(w), 1e-30)
        score = SCORES[loss](w)
        # without its mean, which carries no gradient on average but all of the noise of a flow that is good already
        slope = jax.grad(surrogate)(params, x, score - jnp.mean(score))
        updates, opt_state = optimizer.update(slope, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), jnp.std(w)

    init_key, run_key = jax.random.split(key)

    @jax.jit
    def run(params):
        carry = params, optimizer.init(params)
        (params, _), spread = jax.lax.scan(step, carry, jax.random.split(run_key, steps))
        return params, spread

    return run(sampler.init(init_key))


def compiled_weights(sampler: Sampler, integrand: Callable, num: int) -> Callable:
    """(params, key) -> weights f / q of ``num`` new points, [num], compiled."""

    @jax.jit
    def piece(params, key):
        x, log_q = sampler.draw(params, key, num)
        return integrand(x) * jnp.exp(-log_q)

    return piece


def weights(
    key: Key, sampler: Sampler, params: Params, integrand: Callable, num: int, batch_size: int = 16384
) -> np.ndarray:
    """Weights of ``num`` new points, [num], in pieces that bound the memory and in double precision."""
    piece = compiled_weights(sampler, integrand, batch_size)
    keys = jax.random.split(key, -(-num // batch_size))
    return np.concatenate([np.asarray(piece(params, k), np.float64) for k in keys])[:num]


def unweighting_efficiency(w: Float[np.ndarray, " n"], beyond: float = 1e-3) -> float:
    """<w> / w_max, where the weights above w_max hold the fraction ``beyond`` of their sum.

    The largest weight of all grows with the number of points; this maximum does not. Those above it stay weighted.
    """
    w = np.sort(np.maximum(w, 0.0))
    total = np.cumsum(w)
    if not total[-1] > 0:
        return 0.0
    maximum = w[np.searchsorted(total, (1 - beyond) * total[-1])]
    return float(np.mean(w) / maximum)


def estimate(w: Float[np.ndarray, " n"], beyond: float = 1e-3) -> Integral:
    """The integral from the weights of independent points, with its statistical error."""
    mean, n = float(np.mean(w)), len(w)
    square = float(np.mean(w**2))
    error = float(np.sqrt(max(square - mean**2, 0.0) / (n - 1)))
    return Integral(mean, error, unweighting_efficiency(w, beyond), mean**2 / square if square else 0.0)
