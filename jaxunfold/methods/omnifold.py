"""OmniFold as a method: ``fit`` keeps the simulation, ``unfold`` iterates on the measured sample.

What it does stands in ``unbinned/omnifold.py``: thesis Eqs. (1.38) to (1.41), arXiv:1911.09107.
"""

import sys
from typing import Any

import jax
import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.methods import simulation
from jaxunfold.methods.measured import require_measured
from jaxunfold.methods.simulation import Simulation
from jaxunfold.training import feed
from jaxunfold.types import Batch, Method, Spec, Unfolded
from jaxunfold.unbinned.omnifold import FAKES, Options, Result, checked, unfold_events

__all__ = ["FAKES", "Options", "Result", "build", "unfold_events"]


def build(spec: Spec, optimizer: Any = None, **options) -> Method:
    """OmniFold as a method: ``fit`` keeps the simulation, ``unfold`` iterates on the measured sample.

    Args:
      spec: The problem. optimizer: Not used; the trainings have their own (see ``Options``).
      options: Fields of ``Options``, without replicas.
    Raises: InputError for coordinates relative to the measured event, which a reweighting of truth does not see.
    """
    options = checked(Options(**options))
    require_measured(spec, "omnifold")
    simulation.refuse_relative(spec, "omnifold")
    if options.replicas:
        raise InputError("replicas: a run unfolds once; use omnifold.unfold_events for bootstrap replicas")

    def init(key, batch: Batch) -> Simulation:
        return simulation.keep(batch)

    def fit(key, loop) -> Simulation:
        return init(key, feed.everything(loop.train))

    def unfold(key, state: Simulation, reco, num_draws: int) -> Unfolded:
        sim = jax.tree.map(np.asarray, state)
        seen = np.ones(len(reco.features), bool) if reco.weight is None else np.asarray(reco.weight) != 0
        result = unfold_events(
            key, sim.truth, sim.features, np.asarray(reco.features)[seen],
            sim_weight=sim.weight, pass_truth=sim.pass_truth, pass_reco=sim.pass_reco,
            data_weight=None if reco.weight is None else np.asarray(reco.weight)[seen],
            options=options, note=lambda line: print(line, file=sys.stderr),
        )  # fmt: skip
        info = {name: getattr(result, name) for name in ("ess", "max_share", "gain", "gain_error", "chosen")}
        return simulation.reweighted(state, result.final, info)

    return Method(fit, unfold, init=init, whole_sample=True)
