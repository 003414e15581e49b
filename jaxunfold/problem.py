"""From a config and the names in a data file to the functions that everything else calls.

The one place that reads the sections of a config: what networks see is in ``data.preprocess``, how they are
trained in ``training``, what they are in ``methods``.
"""

from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxunfold.data import preprocess
from jaxunfold.data.events import Events
from jaxunfold.errors import InputError
from jaxunfold.methods import METHODS
from jaxunfold.metrics.compared import match_names
from jaxunfold.physics.observables import column_expressions, expressions, leaves_of, named_over, observables
from jaxunfold.training.optimizer import make_optimizer
from jaxunfold.types import Method, Reco, Spec


class Problem(NamedTuple):
    """Names of what a run was trained on, in order; units of a table's columns; the resonances to look at."""

    kind: str
    truth_names: tuple[str, ...]
    reco_names: tuple[str, ...]
    extra_names: tuple[str, ...] = ()
    truth_units: tuple[str, ...] = ()
    reco_units: tuple[str, ...] = ()


def problem_of(events: Events) -> Problem:
    """The problem that a sample of paired events poses."""
    return Problem(
        events.kind,
        events.truth_names,
        events.reco_names,
        events.extra_names,
        tuple(events.truth_units),
        tuple(events.reco_units),
    )


def plain(config) -> dict:
    """A section of a config as plain keyword arguments."""
    return config.to_dict() if isinstance(config, ConfigDict) else dict(config)


def resonances_of(config: ConfigDict) -> dict[str, tuple[str, ...]]:
    """The resonances that metrics and figures look at: {name: children}."""
    return {name: tuple(children) for name, children in plain(config.resonances).items()}


def named_of(config: ConfigDict) -> dict[str, str]:
    """The observables that the config adds to the canonical ones, {name: expression}; its section is optional."""
    return plain(config.get("observables") or {})


def unconditional(config: ConfigDict) -> bool:
    """Whether a run generates events: nothing is shown of the measured ones, and reco in a file is ignored."""
    return config.preprocess.features.kind == "none"


def make_pipeline(config: ConfigDict, problem: Problem) -> preprocess.Pipeline:
    """The preprocessing that the config describes.

    Raises: InputError if the config does not fit the data, e.g. momenta coordinates for a table.
    """
    section = plain(config.preprocess)
    is_table = section["coordinates"]["kind"] == "columns"
    if is_table != (problem.kind == "table"):
        raise InputError(
            f"preprocess.coordinates.kind: {section['coordinates']['kind']!r} does not fit data of kind "
            f"{problem.kind!r}"
        )
    return preprocess.build_pipeline(problem.truth_names, problem.reco_names, problem.extra_names, **section)


def make_spec(config: ConfigDict, problem: Problem, pipeline: preprocess.Pipeline, fitted: preprocess.Fitted) -> Spec:
    """What a method needs to know: sizes, names and differentiable observables in physical units."""
    resonances, named = resonances_of(config), named_of(config)
    if problem.kind == "table":
        units = dict(zip(problem.truth_names, problem.truth_units or ("",) * len(problem.truth_names)))
        nodes = column_expressions(units, named)
    else:
        nodes = expressions(problem.truth_names, resonances, named)

    def physical(truth, reco: Reco):
        decoded = jax.vmap(lambda z, a: preprocess.decode_truth(pipeline, fitted, z, a))(truth, reco.anchor)
        if problem.kind == "table":
            columns = {name: decoded[:, i] for i, name in enumerate(problem.truth_names)}
            return columns | {name: node.value(columns) for name, node in nodes.items()}
        leaves = {name: decoded[:, i] for i, name in enumerate(problem.truth_names)}
        return {name: node.value(leaves) for name, node in nodes.items()}

    def pairs(objects):
        return pipeline.features.pairs(objects * fitted.object_scale + fitted.object_mean)

    match = match_names(problem.truth_names, problem.reco_names)
    columns = np.array([problem.reco_names.index(name) for name in match.values()], int)
    seen = {name: leaves for name, leaves in resonances.items() if set(leaves_of(name, resonances)) <= set(match)}

    def measured(features):
        raw = features * fitted.feature_scale + fitted.feature_mean
        reco = jax.vmap(pipeline.features.restore)(raw)
        if problem.kind == "table":
            return {name: reco[:, i] for i, name in enumerate(problem.reco_names)}
        return observables(reco[:, columns], tuple(match), seen, named_over(tuple(match), seen, named))

    return Spec(
        len(pipeline.coordinates.names),
        len(preprocess.feature_names(pipeline)),
        pipeline.coordinates.names,
        physical,
        bool(pipeline.relative.any()),
        *sizes_of_objects(problem, pipeline),
        pairs if pipeline.features.pairs is not None else None,
        measured if pipeline.features.restore is not None else None,
    )


def sizes_of_objects(problem: Problem, pipeline: preprocess.Pipeline) -> tuple[int, int]:
    """Number of reco objects and of the features of each; zeros for a table."""
    names = pipeline.features.object_names
    return (len(problem.reco_names), len(names)) if names else (0, 0)


def make_method(config: ConfigDict, spec: Spec, total_steps: int = 1, **given) -> Method:
    """The method that the config names, built for this problem.

    Args:
      total_steps: Length of the training, for the learning-rate schedule.
      given: What else the method gets, which no config can hold: the trained state of another run.
    Raises: InputError if there is no such method or an option does not fit.
    """
    if config.method not in METHODS:
        raise InputError(f"config.method: expected one of {', '.join(METHODS)}, found {config.method!r}")
    optimizer = None
    if "optimizer" in config:  # a method that is not trained by gradients has no such section
        optimizer = make_optimizer(total_steps=total_steps, **plain(config.optimizer))
    try:
        return METHODS[config.method](spec, optimizer, **plain(config.model), **given)
    except (TypeError, ValueError) as error:
        raise InputError(f"config.model: {config.method!r} cannot be built so: {error}") from error
