"""What is compared: one column per observable, at truth, for every draw, and at reco."""

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.physics import observables as obs
from jaxunfold.physics.expressions import Node

CHUNK = 1_000_000


class Compared(NamedTuple):
    """Everything that metrics and figures look at, in physical units.

    truth: {observable: [n]}; draws: {observable: [m, k]} with m = n, or 1 for one weighted sample that serves
      all events; reco: {observable: [n]} of the corresponding measured objects, NaN where one is absent.
    weight: [n]; draw_weight: [m, k], each event's weight divided among its draws.
    truth_events, samples, reco_events, mask: the arrays these came from.
    truth_names, reco_names: leaves of momenta, or columns of a table.
    match: {truth name: reco name}, the measured object that corresponds to each leaf or column.
    resonances: {} for a table. units: {observable: unit}, "" where there is none.
    smeared: {observable: [n, k]}, measured events that a method made of each true one; None where it makes none.
    named: the observables that the config added, {name: expression}.
    member: [m, k], which network each draw is from; None where there is one.
    """

    truth: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]
    reco: dict[str, np.ndarray]
    weight: np.ndarray
    draw_weight: np.ndarray
    truth_events: np.ndarray
    samples: np.ndarray
    reco_events: np.ndarray | None
    mask: np.ndarray | None
    truth_names: tuple[str, ...]
    reco_names: tuple[str, ...]
    match: dict[str, str]
    resonances: dict[str, tuple[str, ...]]
    units: dict[str, str]
    smeared: dict[str, np.ndarray] | None = None
    named: dict[str, str] | None = None
    member: np.ndarray | None = None

    @property
    def paired(self) -> bool:
        """Whether every event has draws of its own."""
        return self.draw_weight.shape[0] == len(self.weight)

    @property
    def is_table(self) -> bool:
        return self.truth_events.ndim == 2


def match_names(truth_names: Sequence[str], reco_names: Sequence[str]) -> dict[str, str]:
    """The measured object of each truth object: the same name, else the next unused one in order.

    match_names(("e-", "e+", "q1", "q2"), ("e-", "e+", "j1", "j2")) has q1 -> j1 and q2 -> j2.
    """
    rest = iter([name for name in reco_names if name not in truth_names])
    pairs = {name: name if name in reco_names else next(rest, None) for name in truth_names}
    return {name: other for name, other in pairs.items() if other is not None}


@functools.cache
def _compiled(labels, resonances, named):
    # a list, for a dictionary loses its order on its way through jit
    return jax.jit(lambda p: list(obs.observables(p, labels, dict(resonances), dict(named)).values()))


def momenta_observables(momenta, labels, resonances, named=None) -> dict[str, np.ndarray]:
    """Canonical and named observables of momenta [..., p, 4] as numpy arrays [...], computed in chunks."""
    leading = momenta.shape[:-2]
    flat = momenta.reshape(-1, *momenta.shape[-2:])
    names = obs.expressions(labels, resonances, named)
    tree = tuple((name, tuple(children)) for name, children in resonances.items())
    compute = _compiled(tuple(labels), tree, tuple((named or {}).items()))
    parts = [jax.device_get(compute(part)) for part in np.array_split(flat, -(-len(flat) // CHUNK))]
    return {name: np.concatenate(part).reshape(leading) for name, part in zip(names, zip(*parts))}


def reco_observables(reco, mask, reco_names, match, resonances, named=None) -> dict[str, np.ndarray]:
    """The truth's observables at reco level, from the corresponding objects; NaN where one is absent."""
    index = {name: i for i, name in enumerate(reco_names)}
    leaves = list(match)
    usable = {r: c for r, c in resonances.items() if all(x in match for x in obs.leaves_of(r, resonances))}
    columns = [index[match[leaf]] for leaf in leaves]
    values = momenta_observables(reco[:, columns], leaves, usable, obs.named_over(leaves, usable, named))
    if mask is None:
        return values
    present = dict(zip(leaves, mask[:, columns].T))
    for name, node in obs.expressions(leaves, usable, obs.named_over(leaves, usable, named)).items():
        there = np.all([present[leaf] for leaf in node.leaves], axis=0)
        values[name] = np.where(there, values[name], np.float32(np.nan))
    return values


def table_columns(table, names) -> dict[str, np.ndarray]:
    """{name: [...]} from the last axis of a table."""
    return {name: np.ascontiguousarray(table[..., i]) for i, name in enumerate(names)}


def with_named(columns: Mapping[str, np.ndarray], nodes: Mapping[str, Node]) -> dict[str, np.ndarray]:
    """A table's columns and the named observables of them, those whose columns are all there."""
    out = {name: np.asarray(node.value(columns)) for name, node in nodes.items() if set(node.leaves) <= set(columns)}
    return {**columns, **out}


def divide_weight(weight: np.ndarray, log_weights: np.ndarray, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Weight of each draw, [m, k]: the weight of its event times its share.

    The share is a softmax of the log-weights, times ``sample_weight`` [m, k] where the draws had weights before.
    Raises: InputError if an event's shares do not sum to a positive number.
    """
    shifted = np.exp(log_weights - log_weights.max(axis=1, keepdims=True).astype(np.float64))
    shifted = shifted if sample_weight is None else shifted * sample_weight
    sums = shifted.sum(axis=1, keepdims=True)
    if not (sums > 0).all():
        raise InputError(f"weights of the draws: expected a positive sum, found {sums.min():g}")
    share = shifted / sums
    total = weight[:, None] if len(weight) == len(log_weights) else weight.sum()
    return (share * total).astype(np.float64)


def compare(
    truth: np.ndarray,
    samples: np.ndarray,
    log_weights: np.ndarray | None = None,
    reco: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    *,
    truth_names: Sequence[str] = (),
    reco_names: Sequence[str] = (),
    resonances: Mapping[str, Sequence[str]] | None = None,
    units: Sequence[str] = (),
    sample_weight: np.ndarray | None = None,
    named: Mapping[str, str] | None = None,
    member: np.ndarray | None = None,
) -> Compared:
    """Line up truth, draws and measured events for ``evaluate_metrics`` and ``write_report``.

    Args:
      truth: [n, p, 4] momenta (E, px, py, pz) in GeV, or [n, d] for a table.
      samples: [n, k, p, 4] or [n, k, d]; first axis 1 for one weighted sample that serves all events.
      log_weights: Of the draws, [n, k]; None is zero.
      reco: [n, n_reco, 4] with its mask [n, n_reco], or [n, r]; None where there is none to compare with.
      weight: Event weights [n] of any sign; None is one.
      truth_names, reco_names: Leaves or columns.
      resonances: Decay tree, {"ll": ("e-", "e+"), ...}; None or {} for a table.
      units: Unit of each truth column of a table.
      sample_weight: Weights of any sign that the draws had before log_weights, [n, k]; None is one.
      named: More observables, {"dphi_ll": "deltaphi(e-, e+)"}, over leaves and resonances or a table's columns.
      member: Which network each draw is from, [n, k]; None, or one network only, for no spread over them.
    Raises: InputError if shapes or names do not fit, or the weights do not sum to a positive number.
    """
    truth, samples = np.asarray(truth), np.asarray(samples)
    n = len(truth)
    if samples.shape[2:] != truth.shape[1:] or samples.shape[0] not in (1, n):
        raise InputError(f"samples: expected [{n}, k, *{truth.shape[1:]}], found {samples.shape}")
    if bad := np.count_nonzero(~np.isfinite(samples).all(axis=tuple(range(2, samples.ndim)))):
        raise InputError(f"samples: expected finite draws, found {bad} that are not")
    weight = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    if not weight.sum() > 0:
        raise InputError(f"weight: expected a positive sum, found {weight.sum():g}")
    log_weights = np.zeros(samples.shape[:2]) if log_weights is None else np.asarray(log_weights)
    is_table = truth.ndim == 2
    width = truth.shape[1]
    truth_names = tuple(truth_names) or tuple(f"x{i}" for i in range(width))
    if len(truth_names) != width:
        raise InputError(f"truth names: expected {width}, found {len(truth_names)}: {truth_names}")
    reco_names = tuple(reco_names) or tuple(f"y{i}" for i in range(0 if reco is None else reco.shape[1]))
    resonances = {} if is_table else {name: tuple(c) for name, c in (resonances or {}).items()}
    if is_table:
        # columns correspond by name; by order only where the two tables have as many
        same = reco is not None and reco.shape[1] == width
        match = {a: b for a, b in match_names(truth_names, reco_names).items() if a == b or same}
        unit = dict(zip(truth_names, units or [""] * width))
        nodes = obs.column_expressions(unit, named)
        truth_obs = with_named(table_columns(truth, truth_names), nodes)
        draw_obs = with_named(table_columns(samples, truth_names), nodes)
        measured = table_columns(reco, reco_names) if reco is not None else {}
        reco_obs = with_named({name: measured[match[name]] for name in match}, nodes) if reco is not None else {}
        unit |= {name: node.unit for name, node in nodes.items()}
    else:
        match = match_names(truth_names, reco_names)
        truth_obs = momenta_observables(truth, truth_names, resonances, named)
        draw_obs = momenta_observables(samples, truth_names, resonances, named)
        reco_obs = {} if reco is None else reco_observables(reco, mask, reco_names, match, resonances, named)
        unit = {name: node.unit for name, node in obs.expressions(truth_names, resonances, named).items()}
    return Compared(
        truth_obs, draw_obs, reco_obs, weight, divide_weight(weight, log_weights, sample_weight), truth, samples,
        None if reco is None else np.asarray(reco), mask, truth_names, reco_names, match, resonances, unit,
        named=dict(named or {}), member=_several(member),
    )  # fmt: skip


def _several(member: np.ndarray | None) -> np.ndarray | None:
    """The networks of draws, None where it is the same for all."""
    return None if member is None or np.ptp(member) == 0 else np.asarray(member)


def with_smeared(data: Compared, smeared: np.ndarray) -> Compared:
    """The same with the observables of measured events that a method made of each true one.

    Args: smeared: [n, k, n_reco, 4] with every object present, or [n, k, r] for a table.
    """
    flat = smeared.reshape(-1, *smeared.shape[2:])
    if data.is_table:
        measured = table_columns(flat, data.reco_names)
        values = {name: measured[other] for name, other in data.match.items()}
        values = with_named(values, obs.column_expressions({name: "" for name in data.truth_names}, data.named))
    else:
        values = reco_observables(flat, None, data.reco_names, data.match, data.resonances, data.named)
    return data._replace(smeared={name: column.reshape(smeared.shape[:2]) for name, column in values.items()})
