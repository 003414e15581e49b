"""OmniFold as a method: ``fit`` keeps the simulation, ``unfold`` iterates on the measured sample.

What it does stands in ``unbinned/omnifold.py``: thesis Eqs. (1.38) to (1.41), arXiv:1911.09107.
"""

import sys
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.training import feed
from jaxunfold.types import Batch, Method, Spec, Unfolded
from jaxunfold.unbinned.omnifold import FAKES, Options, Result, checked, unfold_events

__all__ = ["FAKES", "Options", "Result", "build", "unfold_events"]


class State(NamedTuple):
    """The simulation: truth [n, d] standardised, reco features [n, r], weights and pass flags [n]."""

    truth: Any
    features: Any
    weight: Any
    pass_truth: Any
    pass_reco: Any


def build(spec: Spec, optimizer: Any = None, **options) -> Method:
    """OmniFold as a method: ``fit`` keeps the simulation, ``unfold`` iterates on the measured sample.

    Args:
      spec: The problem. optimizer: Not used; the trainings have their own (see ``Options``).
      options: Fields of ``Options``, without replicas.
    Raises: InputError for coordinates relative to the measured event, which a reweighting of truth does not see.
    """
    options = checked(Options(**options))
    if spec.relative:
        raise InputError(
            "preprocess.relative: expected (), omnifold sees no single measured event, found coordinates"
        )
    if options.replicas:
        raise InputError("replicas: a run unfolds once; use omnifold.unfold_events for bootstrap replicas")

    def init(key, batch: Batch) -> State:
        all_pass = jnp.ones(batch.weight.shape, bool)
        flags = (all_pass if flag is None else jnp.asarray(flag) for flag in (batch.pass_truth, batch.pass_reco))
        return State(*(jnp.asarray(part) for part in (batch.truth, batch.reco.features, batch.weight)), *flags)

    def fit(key, loop) -> State:
        return init(key, feed.everything(loop.train))

    def unfold(key, state: State, reco, num_draws: int) -> Unfolded:
        sim = jax.tree.map(np.asarray, state)
        seen = np.ones(len(reco.features), bool) if reco.weight is None else np.asarray(reco.weight) != 0
        result = unfold_events(
            key, sim.truth, sim.features, np.asarray(reco.features)[seen],
            sim_weight=sim.weight, pass_truth=sim.pass_truth, pass_reco=sim.pass_reco,
            data_weight=None if reco.weight is None else np.asarray(reco.weight)[seen],
            options=options, note=lambda line: print(line, file=sys.stderr),
        )  # fmt: skip
        rows = sim.pass_truth
        info = {name: getattr(result, name) for name in ("ess", "max_share", "gain", "gain_error", "chosen")}
        return Unfolded(sim.truth[None, rows], result.final[None, rows], weight=sim.weight[None, rows], info=info)

    return Method(fit, unfold, init=init, whole_sample=True)
