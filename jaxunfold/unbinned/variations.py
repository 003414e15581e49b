r"""Weights of a variation of the simulation, learned as a function of events and of the varied number.

Samples come with the simulation's own weights :math:`w_k` for some values k. They depend on more than the observables
x of an event; what reweights any distribution of x is their mean at x,

.. math:: w(x, k) = \langle w_k | x \rangle = p_k(x) / p(x)

which is the ratio that a classifier learns of the same events with weights :math:`w_k` against weights of one, for
all k at a time: the review arXiv:2008.08558, section 3.3; Bothmann, Del Debbio, arXiv:1808.07802.
"""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxunfold.errors import InputError
from jaxunfold.training.classifier import train_log_ratio
from jaxunfold.types import Key


def learn_weights(
    key: Key, x: Float[np.ndarray, "n d"], factors: Sequence[float], weights: Float[np.ndarray, "n k"], **training
) -> Callable:
    """(x [m, d], factor) -> weights [m], for any factor between those of the training.

    Args:
      x: Observables of the nominal sample. factors: positive, one for each column of weights; the nominal 1 is added.
      weights: Of every event for every factor. training: options of ``training.classifier.train_log_ratio``.
    Raises: InputError where factors are not positive or not as many as columns of weights.
    """
    factors = np.asarray(factors, np.float64)
    if len(factors) != weights.shape[1] or not (factors > 0).all():
        raise InputError(f"factors: expected {weights.shape[1]} positive numbers, found {tuple(factors)}")
    centre, width, scale = x.mean(0), x.std(0) + 1e-12, np.abs(np.log(factors)).max()

    def inputs(x, log_factor):
        return np.column_stack([(x - centre) / width, np.broadcast_to(log_factor / scale, len(x))])

    rows = [inputs(x, log_factor) for log_factor in (0.0, *np.log(factors))]
    own = np.concatenate([np.ones(len(x)), *weights.T])
    log_ratio = train_log_ratio(key, np.concatenate(rows).astype(np.float32), own, np.ones(len(own)), **training)

    def weight_of(x, factor):
        return np.exp(np.asarray(log_ratio(jnp.asarray(inputs(x, np.log(factor)), jnp.float32)), np.float64))

    return weight_of
