"""The posterior of measured events with the face of a distrax distribution."""

from collections.abc import Callable, Sequence
from typing import Any

import distrax
import jax
import jax.numpy as jnp

from jaxunfold.errors import InputError
from jaxunfold.types import Reco


class Posterior(distrax.Distribution):
    """p(truth | reco) of n events: batch shape (n,), event shape (n_truth, 4) in GeV or (d,) for a table."""

    def __init__(self, draw: Callable, log_prob: Callable | None, state: Any, reco: Reco, truth_names: Sequence[str]):
        """draw: (state, key, reco, num_draws) -> Unfolded. log_prob: (state, truth, reco) -> [n], or None."""
        super().__init__()
        self._draw_fn, self._log_prob_fn, self._state, self._reco = draw, log_prob, state, reco
        self._names = tuple(truth_names)

    def _sample_n(self, key, n: int):
        return jnp.swapaxes(self._draw_fn(self._state, key, self._reco, n).samples, 0, 1)

    def log_prob(self, value):
        """Density of value [..., n, *event_shape]; see ``Run.log_prob`` for what it is with respect to."""
        if self._log_prob_fn is None:
            raise InputError("log_prob: this method has no explicit density")
        value = jnp.asarray(value)
        shape = value.shape[: value.ndim - len(self.event_shape)]
        flat = value.reshape((-1, *self.batch_shape, *self.event_shape))
        out = jax.lax.map(lambda v: self._log_prob_fn(self._state, v, self._reco), flat)
        return out.reshape(shape)

    @property
    def event_shape(self):
        """(n_truth, 4), or (d,) for a table."""
        shape = jax.eval_shape(lambda s, k, r: self._draw_fn(s, k, r, 1), self._state, jax.random.key(0), self._reco)
        return shape.samples.shape[2:]

    @property
    def batch_shape(self):
        """(n,), one posterior an event."""
        return (self._reco.features.shape[0],)
