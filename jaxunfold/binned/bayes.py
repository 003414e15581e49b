r"""Iterated Bayesian unfolding of a histogram, with the covariance of the data carried through every iteration.

D'Agostini, Nucl. Instrum. Meth. A 362 (1995) 487 and arXiv:1010.0632; thesis Eqs. (1.30) to (1.37). With causes
C_j (truth bins), effects E_i (reco bins) and the response lambda_ij = P(E_i|C_j), one iteration is

.. math:: n_j \to \frac{n_j}{\epsilon_j} \sum_i \frac{\lambda_{ij} d_i}{\sum_l \lambda_{il} n_l + f_i},
    \quad \epsilon_j = \sum_i \lambda_{ij},

Eqs. (1.31) and (1.35) with the estimate before as the prior; f_i, the fakes expected in bin i, are one cause more.
Pure functions: jit and vmap them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Histogram(NamedTuple):
    """Unfolded counts of every iteration, [k, n_truth], and their covariance [k, n_truth, n_truth]."""

    counts: Array
    covariance: Array


def _ratio(a, b):
    """a / b, zero where b is zero, with finite derivatives there."""
    return jnp.where(b > 0, a, 0.0) / jnp.where(b > 0, b, 1.0)


def scaled_prior(response, prior, data, fakes):
    """The prior as counts: it would be measured as often as the data are, less the fakes.

    Its scale matters where there are fakes, whose counts it is compared with. At least a thousandth is left.
    """
    measured = jnp.sum(data)
    wanted = jnp.maximum(measured - jnp.sum(fakes), 1e-3 * measured)
    return prior * _ratio(wanted, jnp.sum(response @ prior))


def iteration(response, estimate, data, fakes):
    """One application of Bayes' theorem: Eqs. (1.31) and (1.35). [n_truth] -> [n_truth]."""
    efficiency = jnp.sum(response, axis=0)
    expected = response @ estimate + fakes
    return _ratio(estimate * (response.T @ _ratio(data, expected)), efficiency)


def unfold(
    response: Float[Array, "n_reco n_truth"],
    prior: Float[Array, " n_truth"],
    data: Float[Array, " n_reco"],
    fakes: Float[Array, " n_reco"],
    num_iterations: int,
) -> Float[Array, "k n_truth"]:
    """Counts of every iteration, without covariance: what pseudo-experiments by the thousand need."""

    def body(estimate, _):
        estimate = iteration(response, estimate, data, fakes)
        return estimate, estimate

    return jax.lax.scan(body, scaled_prior(response, prior, data, fakes), None, length=num_iterations)[1]


def unfold_with_covariance(
    response: Float[Array, "n_reco n_truth"],
    prior: Float[Array, " n_truth"],
    data: Float[Array, " n_reco"],
    covariance: Float[Array, "n_reco n_reco"],
    fakes: Float[Array, " n_reco"],
    num_iterations: int,
) -> Histogram:
    """Counts of every iteration and their covariance J V J^T, with J = d counts / d data of all iterations so far.

    J is carried along: J_k = dF/dn J_(k-1) + dF/dd with one iteration F(n, d), each a forward-mode derivative. The
    estimate before depends on the same data; leaving that out, or multiplying in the other order, underestimates the
    covariance from the second iteration on.
    """
    directions = jnp.eye(data.shape[0], dtype=data.dtype)

    def push(function, point, tangents):
        return jax.vmap(lambda *t: jax.jvp(function, point, t)[1])(*tangents)

    def body(carry, _):
        estimate, slope = carry
        one = lambda n, d: iteration(response, n, d, fakes)  # noqa: E731
        slope = push(one, (estimate, data), (slope, directions))
        estimate = one(estimate, data)
        return (estimate, slope), (estimate, slope.T @ covariance @ slope)

    start = lambda d: scaled_prior(response, prior, d, fakes)  # noqa: E731
    carry = (start(data), push(start, (data,), (directions,)))
    return Histogram(*jax.lax.scan(body, carry, None, length=num_iterations)[1])


def sample_response(
    key: Array, counts: Float[Array, "n_reco n_truth"], missed: Float[Array, " n_truth"], num_samples: int
) -> Float[Array, "s n_reco n_truth"]:
    """Response matrices that the simulation's finite statistics allows: Lambda of Eq. (1.37).

    The fates of one cause's events are multinomial, so with a flat prior each column of Lambda is a Dirichlet
    distribution of parameters 1 + counts (arXiv:1010.0632, section 3); the flat prior is spread over the fates that
    were seen, so that an empty corner of the matrix stays empty.

    Args:
      counts: Simulated events of truth bin j in reco bin i. missed: of truth bin j that were not measured.
    """
    fates = jnp.concatenate([counts, missed[None]], axis=0)
    seen = fates > 0
    alpha = jnp.where(seen, fates + 1.0 / jnp.maximum(jnp.sum(seen, axis=0), 1), 1.0)
    gammas = jax.random.gamma(key, alpha, (num_samples, *alpha.shape)) * seen
    shares = gammas / jnp.maximum(jnp.sum(gammas, axis=1, keepdims=True), jnp.finfo(gammas.dtype).tiny)
    return shares[:, :-1]
