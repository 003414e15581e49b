"""The simulation as a state: what methods keep that unfold a measured sample by reweighting simulated truth."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.types import Anchor, Batch, Spec, Unfolded


class Simulation(NamedTuple):
    """truth [n, d] standardised, reco features [n, r], weights and pass flags [n]."""

    truth: Any
    features: Any
    weight: Any
    pass_truth: Any
    pass_reco: Any

    @property
    def pass_both(self):
        return self.pass_truth & self.pass_reco


def refuse_relative(spec: Spec, name: str) -> None:
    """Raise InputError for coordinates relative to the measured event: a weight of truth sees no single event."""
    if spec.relative:
        raise InputError(
            f"preprocess.relative: expected (), {name} sees no single measured event, found relative coordinates"
        )


def keep(batch: Batch) -> Simulation:
    """The simulated events of a batch; flags that are not there let every event pass."""
    all_pass = jnp.ones(batch.weight.shape, bool)
    flags = (all_pass if flag is None else jnp.asarray(flag) for flag in (batch.pass_truth, batch.pass_reco))
    return Simulation(*(jnp.asarray(part) for part in (batch.truth, batch.reco.features, batch.weight)), *flags)


def columns(spec: Spec, batch: Batch, names: Sequence[str]) -> jax.Array:
    """Coordinates or observables of the truth by name, [n, c]; observables centred, their tails as logarithms.

    Raises: InputError for a name that is neither.
    """
    truth, reco, observed = jnp.asarray(batch.truth), batch.reco, {}
    if any(name not in spec.names for name in names):
        observed = spec.observables(truth, reco._replace(anchor=reco.anchor or Anchor(jnp.zeros_like(truth))))

    def column(name):
        if name in spec.names:
            return truth[:, spec.names.index(name)]
        if name not in observed:
            known = ", ".join([*spec.names, *observed])
            raise InputError(f"columns: expected names among {known}, found {name!r}")
        low, center, high = jnp.quantile(observed[name], jnp.array([0.16, 0.5, 0.84]))
        return jnp.arcsinh((observed[name] - center) / jnp.maximum((high - low) / 2, 1e-6))

    return jnp.stack([column(name) for name in names], axis=-1)


def quadratic(x: np.ndarray) -> np.ndarray:
    """1, the columns, their squares and products: [n, c] -> [n, 1 + c + c (c + 1) / 2]."""
    i, j = np.triu_indices(x.shape[1])
    return np.concatenate([np.ones((len(x), 1)), x, x[:, i] * x[:, j]], axis=1)


def measured_counterpart(target: np.ndarray, sim: Simulation) -> np.ndarray:
    """Matrix [q, c] of the best quadratic prediction of truth-level numbers from the features of measured events.

    ``quadratic(features) @ matrix`` is then the reco-level quantity that says most about each of them.

    Args:
      target: [n, c] of all simulated events, in float64. sim: Numpy arrays.
    """
    both = sim.pass_both
    root = np.sqrt(np.abs(sim.weight[both]))[:, None]
    return np.linalg.lstsq(quadratic(sim.features[both]) * root, target[both] * root, rcond=None)[0]


def reweighted(sim: Simulation, log_weights: np.ndarray, info: dict) -> Unfolded:
    """One weighted sample for all events: the simulated truth that passes, [1, k, d], with its log-weights [n]."""
    rows = np.asarray(sim.pass_truth)
    log_weights = jnp.asarray(log_weights, jnp.float32)
    return Unfolded(sim.truth[None, rows], log_weights[None, rows], weight=sim.weight[None, rows], info=info)
