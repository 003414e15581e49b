r"""An exponential tilt of the simulation's truth: the least that an unfolding can do, without any network.

The simulation gets weights exp(sum_j a_j f_j(t)), where f_j are a few columns of truth and their squares, six numbers
for three columns; a column is a coordinate, or an observable with its tails as logarithms. They are found at reco
level, where the weighted simulation must agree with the data in
the moments of g_j(m), the best quadratic prediction of f_j from what was measured:

    sum_sim w exp(a . f(t)) g_j(m) / sum_sim w exp(a . f(t)) = <g_j>_data,

solved by least squares; the Jacobian is the weighted covariance of g and f. Where the data's truth is such a tilt of
the simulation's the result is exact up to statistics. Beside it one sees what a network really adds.
"""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.methods import simulation
from jaxunfold.methods.measured import require_measured
from jaxunfold.methods.simulation import Simulation
from jaxunfold.training import feed
from jaxunfold.types import Batch, Method, Spec, Unfolded

LARGEST, TOLERANCE = 5.0, 1e-3


def fit_tilt(f, g, weight, target) -> tuple[np.ndarray, np.ndarray, float]:
    """(a [p], log-weights [n] of mean weight one, largest miss in widths of g): the tilted mean of g is the target.

    Where no tilt has these moments the miss is not zero, and the nearest one comes back.

    Args:
      f, g: Features of truth and of reco of simulated events, [n, p]. weight: [n], of any sign. target: [p].
    """
    scale = g.std(axis=0) + 1e-12

    def tilted(a):
        log_w = f @ a
        w = weight * np.exp(log_w - log_w.max())
        return w / w.sum()

    def miss(a):
        return (tilted(a) @ g - target) / scale

    def slope(a):
        w = tilted(a)
        return ((g * w[:, None]).T @ f - np.outer(w @ g, w @ f)) / scale[:, None]

    from scipy import optimize  # a quarter of a second that no other method needs

    found = optimize.least_squares(miss, np.zeros(f.shape[1]), slope, bounds=(-LARGEST, LARGEST), xtol=1e-12)
    log_w = f @ found.x
    log_w = log_w - log_w.max()
    return found.x, log_w - np.log(np.average(np.exp(log_w), weights=weight)), float(np.max(np.abs(found.fun)))


class State(NamedTuple):
    """sim: the simulation. f: features of truth whose exponential is the weight, [n, p]."""

    sim: Simulation
    f: Any


def build(spec: Spec, optimizer: Any = None, *, columns: Sequence[str] = ()) -> Method:
    """The tilt as a method: ``fit`` keeps the simulation, ``unfold`` solves for its numbers.

    Args:
      spec: The problem. optimizer: Not used.
      columns: Coordinates or observables that f takes; none for the first three coordinates.
    Raises: InputError for coordinates relative to the measured event.
    """
    names = tuple(columns) or spec.names[:3]
    require_measured(spec, "tilt")
    simulation.refuse_relative(spec, "a tilt")

    def init(key, batch: Batch) -> State:
        z = simulation.columns(spec, batch, names)
        return State(simulation.keep(batch), jnp.concatenate([z, z**2], axis=1))

    def fit(key, loop) -> State:
        return init(key, feed.everything(loop.train))

    def unfold(key, state: State, reco, num_draws: int) -> Unfolded:
        sim, f = jax.tree.map(lambda x: np.asarray(x, np.float64 if x.dtype != bool else bool), state)
        both, data = sim.pass_both, np.asarray(reco.features, np.float64)
        slope = simulation.measured_counterpart(f, sim)
        weight = np.ones(len(data)) if reco.weight is None else np.asarray(reco.weight, np.float64)
        target = np.average(simulation.quadratic(data) @ slope, axis=0, weights=weight)
        seen = simulation.quadratic(sim.features[both]) @ slope
        a, _, off = fit_tilt(f[both], seen, sim.weight[both], target)
        if off > TOLERANCE:
            print(f"tilt: none has the data's moments; the nearest misses by {off:.1e} widths", file=sys.stderr)
        log_w, rows = f @ a, sim.pass_truth
        log_w = log_w - np.log(np.average(np.exp(log_w[rows]), weights=sim.weight[rows]))
        return simulation.reweighted(state.sim, log_w, {"tilt": a, "off": np.array(off)})

    return Method(fit, unfold, init=init, whole_sample=True)
