"""What a reweighting of the simulation could reach with a perfect detector: the mark beside unfolding methods.

A classifier of the data's *truth* against the simulation's, whose odds are the weights of the simulation. It needs
the truth of the data, which only a closure test has, and is no method of unfolding.
"""

import jax
import numpy as np

from jaxunfold import problem as problems
from jaxunfold.data import splits
from jaxunfold.data.events import Events, read
from jaxunfold.data.location import fingerprint, resolve
from jaxunfold.errors import InputError
from jaxunfold.evaluation import compared
from jaxunfold.metrics.compared import momenta_observables
from jaxunfold.metrics.two_sample import particle_features
from jaxunfold.run import Run
from jaxunfold.training.classifier import train_log_ratio
from jaxunfold.types import Unfolded


def log_weights(key, sim_truth, truth, sim_weight=None, weight=None, **options) -> np.ndarray:
    """Log-weights [n] of simulated truth that make it look like the data's truth.

    Args:
      sim_truth, truth: Columns that the classifier sees, [n, c] and [m, c], in any units.
      sim_weight, weight: [n] and [m], of any sign; None for one each.
      options: Of ``training.classifier.train_log_ratio``.
    """
    center, scale = np.median(sim_truth, axis=0), np.maximum(sim_truth.std(axis=0), 1e-6)
    x = np.arcsinh((np.concatenate([sim_truth, truth]) - center) / scale).astype(np.float32)
    n, m = len(sim_truth), len(truth)
    sim_weight, weight = (np.ones(k) if w is None else w for k, w in ((n, sim_weight), (m, weight)))
    of_data = np.concatenate([np.zeros(n), weight / np.mean(weight)]).astype(np.float32)
    of_sim = np.concatenate([sim_weight / np.mean(sim_weight), np.zeros(m)]).astype(np.float32)
    return np.asarray(train_log_ratio(key, x, of_data, of_sim, **options)(x[:n]))


def columns(run: Run, truth: np.ndarray) -> np.ndarray:
    """What the classifier sees of truth, [n, c]: a table as it is; of momenta every observable and all directions."""
    if truth.ndim == 2:
        return truth
    seen = momenta_observables(truth, run.problem.truth_names, run.resonances)
    directions = particle_features(truth)[:, 2 * truth.shape[1] :]
    return np.column_stack([*seen.values(), directions])


def training_events(run: Run) -> Events:
    """The events a run was trained on. Raises: InputError if its file is another one by now."""
    data = problems.plain(run.config.data)
    path = resolve(data["path"])
    if fingerprint(path) != run.about["data"]:
        raise InputError(f"{path}: expected the file that the run was trained on, found another")
    events = read(path, require_truth=True)
    return events[splits.split(len(events), data["valid"], data["test"], data["split_seed"]).train]


def oracle(run: Run, events: Events, seed: int = 0, **options):
    """The oracle on events with truth, lined up as a run's result; the simulation is the run's training events.

    Raises: InputError if the events have no truth.
    """
    if events.truth is None:
        raise InputError(f"{events.path or 'events'}: the oracle expected truth, found none: it is no unfolding")
    events, sim = run.events(events), run.events(training_events(run))
    kept, inside = (part if part.pass_truth is None else part[part.pass_truth] for part in (events, sim))
    log_w = log_weights(
        jax.random.key(seed),
        columns(run, inside.truth),
        columns(run, kept.truth),
        inside.weight,
        kept.weight,
        **options,
    )
    weight = None if inside.weight is None else inside.weight[None]
    return compared(run, events, Unfolded(inside.truth[None], log_w[None], weight=weight))
