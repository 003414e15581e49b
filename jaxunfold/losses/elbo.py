"""The evidence lower bound of weights under a variational posterior: thesis Eqs. (3.16) to (3.19)."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def negative_elbo(
    nll: Float[Array, "s n"], weight: Float[Array, " n"], kl, num_events: float, temperature: float = 1.0
) -> Float[Array, ""]:
    r"""-ELBO / N of a batch: thesis Eq. (3.19) over the number of training events, the same optimum.

    .. math:: \frac{1}{S M} \sum_{s, m} w_m (-\log p(x_m | \theta^{(s)})) + \frac{T}{N} KL(q, p)

    Args:
      nll: -log p(x | theta) of M events under S samples of the weights. weight: of the events, with a mean of one.
      kl: KL(q, p) in nats.
      num_events: N, independent training events; with weights (sum w)^2 / sum w^2, for weighted events say no more
        than so many unweighted ones.
      temperature: T, 1 for the posterior of Bayes; less makes it narrower.
    """
    return jnp.mean(weight * nll) + temperature * kl / num_events
