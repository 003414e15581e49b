r"""Telling two weighted samples apart: cross entropy in logits, whose minimum is the log of a density ratio.

A classifier f trained on a sample of density p (label 1) against one of density q (label 0) tends to
f / (1 - f) = p / q, so that its logit, log f - log(1 - f), is a log-weight that turns q into p. Everything stays in
logits: neither f nor 1 - f is ever computed. Thesis Eq. (1.38); Andreassen, Nachman, arXiv:1907.08209.
"""

import jax
from jaxtyping import Array, Float


def binary_cross_entropy(
    logit: Float[Array, "*n"], weight: Float[Array, "*n"], against: Float[Array, "*n"]
) -> Float[Array, "*n"]:
    r"""Cross entropy of each row under two labels at once.

    .. math:: -w \log f - v \log(1 - f), \quad f = 1 / (1 + e^{-\mathrm{logit}})

    A row of one sample has weight 0 in the other. A row that is in both, as in OmniFold's second step, has both
    weights; it costs one evaluation where two labelled copies cost two. The mean over all rows is minimal where the
    logit is the log of the ratio of the two weighted densities, their normalisations included.

    Args:
      logit: Of f, any size. weight: w, of the row in the sample of label 1, any sign. against: v, in that of label 0.
    """
    return weight * jax.nn.softplus(-logit) + against * jax.nn.softplus(logit)
