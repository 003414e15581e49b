"""From events to what networks see and back: a bijection per event, fitted on the training part alone.

truth -> coordinates -> (minus the measured ones, where relative) -> standard normal by quantiles, or standardised;
reco -> features -> standardised. The fitted numbers are a pytree that is saved with the state.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxunfold.bijections import quantile
from jaxunfold.data.events import Events, concatenate
from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics.coordinates import Coordinates, build_coordinates
from jaxunfold.physics.features import Features, build_features
from jaxunfold.physics.symmetries import reflect
from jaxunfold.types import Batch, Reco

CHUNK = 65536
SCALINGS = ("quantile", "standard")


class Pipeline(NamedTuple):
    """The fixed part of the preprocessing, as the config describes it.

    relative: 1 for coordinates taken relative to the measured event, [d]. scaling: "quantile" or "standard".
    """

    coordinates: Coordinates
    features: Features
    relative: np.ndarray
    scaling: str


class Fitted(NamedTuple):
    """The fitted part: quantile knots (for "standard" two knots, a straight line) and feature moments [r]."""

    quantiles: quantile.Quantiles
    feature_mean: Array
    feature_scale: Array


def build_pipeline(
    truth_names: Sequence[str],
    reco_names: Sequence[str],
    extra_names: Sequence[str],
    coordinates: dict,
    features: dict,
    relative: Sequence[str] = (),
    scaling: str = "quantile",
) -> Pipeline:
    """The preprocessing that a config describes.

    Args:
      truth_names, reco_names, extra_names: As in the event file.
      coordinates, features: Options of ``build_coordinates`` and ``build_features``.
      relative: Names of the coordinates to take relative to the measured event; ("all",) for every one.
      scaling: "quantile" (Gaussian by training quantiles) or "standard" (zero mean, unit width).
    Raises: InputError naming the option that does not fit.
    """
    coords = build_coordinates(labels=truth_names, reco_labels=reco_names, **coordinates)
    chosen = set(coords.names) if "all" in relative else set(relative)
    if unknown := sorted(chosen - set(coords.names)):
        raise InputError(f"relative: expected coordinates among {coords.names}, found {unknown[0]!r}")
    if scaling not in SCALINGS:
        raise InputError(f"scaling: expected one of {SCALINGS}, found {scaling!r}")
    feats = build_features(labels=reco_names, extra=extra_names, **features)
    return Pipeline(coords, feats, np.array([n in chosen for n in coords.names], np.float32), scaling)


def _arrays(events: Events):
    n = len(events)
    reco = np.asarray(events.reco, np.float32)
    mask = np.ones(reco.shape[:2], bool) if events.mask is None else events.mask
    extra = np.zeros((n, 0), np.float32) if events.extra is None else events.extra
    return reco, mask, extra


def _apply_in_chunks(fn, *arrays):
    """vmap and jit over the leading axis in pieces of one size, so that memory and compilations stay bounded."""
    n = len(arrays[0])
    size = min(CHUNK, max(n, 1))
    pieces = []
    for start in range(0, n, size):
        part = [a[start : start + size] for a in arrays]
        pad = size - len(part[0])
        part = [np.concatenate([a, np.repeat(a[-1:], pad, axis=0)]) if pad else a for a in part]
        pieces.append(jax.tree.map(lambda x, pad=pad: np.asarray(x)[: size - pad], fn(*part)))
    return jax.tree.map(lambda *x: np.concatenate(x), *pieces)


def _raw(p: Pipeline, reco, mask, extra):
    """Features and anchor of one measured event, not yet standardised."""
    anchor = jnp.zeros(len(p.coordinates.names))
    if p.relative.any():
        anchor = jnp.where(p.relative > 0, p.coordinates.measure(reco), 0.0)
    return p.features.apply(reco, mask, extra), anchor


def fit(p: Pipeline, events: Events) -> Fitted:
    """Fit the preprocessing on training events.

    Raises: InputError if a coordinate or feature is not finite ("row 17: log_m_ll is nan").
    """
    raw, anchor = _apply_in_chunks(jax.jit(jax.vmap(lambda *a: _raw(p, *a))), *_arrays(events))
    truth = np.asarray(events.truth, np.float32)
    x, _ = _apply_in_chunks(jax.jit(jax.vmap(lambda t, a: _relative(p, t, a))), truth, anchor)
    _refuse_nonfinite(events, x, p.coordinates.names)
    _refuse_nonfinite(events, raw, p.features.names)
    weight = np.ones(len(x)) if events.weight is None else np.asarray(events.weight, np.float64)
    mean = np.average(raw, axis=0, weights=weight)
    scale = np.sqrt(np.maximum(np.average((raw - mean) ** 2, axis=0, weights=weight), 0.0))
    # a feature that never varies (a mask that is always set) carries nothing and stays zero
    scale = np.where(scale > 1e-6 * (1 + np.abs(mean)), scale, 1e6)
    if p.scaling == "quantile":
        quantiles = quantile.fit_quantiles(x, weight)
    else:
        quantiles = quantile.fit_standard(x, weight)
    return Fitted(quantiles, jnp.asarray(mean, jnp.float32), jnp.asarray(scale, jnp.float32))


def _refuse_nonfinite(events, values, names):
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        where = events.path or "events"
        raise InputError(
            f"{where}: row {row}: expected a finite {names[column]}, found {values[row, column]}"
        )


def _relative(p: Pipeline, truth, anchor):
    x, log_det = p.coordinates.encode(truth)
    x = x - anchor
    periodic = np.array(p.coordinates.periodic)
    return jnp.where(periodic, fv.wrap_angle(x), x), log_det


def encode_truth(p: Pipeline, fitted: Fitted, truth: Array, anchor: Array) -> tuple[Array, Array]:
    """Standardised truth [d] of one event and log|dz/dtruth| (the measure is ``p.coordinates.measure_of``)."""
    x, log_det = _relative(p, truth, anchor)
    z, log_derivative = quantile.to_normal(fitted.quantiles, x)
    return z, log_det + jnp.sum(log_derivative)


def decode_truth(p: Pipeline, fitted: Fitted, z: Float[Array, " d"], anchor: Float[Array, " d"]) -> Array:
    """Truth of one event in physical units from its standardised coordinates: the inverse of ``encode_truth``."""
    x = quantile.from_normal(fitted.quantiles, z)[0] + anchor
    periodic = np.array(p.coordinates.periodic)
    return p.coordinates.decode(jnp.where(periodic, fv.wrap_angle(x), x))


def encode_reco(p: Pipeline, fitted: Fitted, events: Events) -> Reco:
    """Measured events [n] as a network sees them; numpy arrays, in chunks."""
    reco, mask, extra = _arrays(events)

    def one(*event):
        features, anchor = _raw(p, *event)
        return (features - fitted.feature_mean) / fitted.feature_scale, anchor

    features, anchor = _apply_in_chunks(jax.jit(jax.vmap(one)), reco, mask, extra)
    _refuse_nonfinite(events, features, p.features.names)
    return Reco(features, anchor, None if events.mask is None else mask)


def encode(p: Pipeline, fitted: Fitted, events: Events) -> Batch:
    """Paired events [n] as a batch of numpy arrays; weights are scaled to a mean of one.

    Raises: InputError if the events have no truth or a coordinate is not finite.
    """
    if events.truth is None:
        raise InputError(f"{events.path or 'events'}: expected a truth dataset, found none")
    reco = encode_reco(p, fitted, events)
    one = jax.jit(jax.vmap(lambda t, a: encode_truth(p, fitted, t, a)))
    z, _ = _apply_in_chunks(one, np.asarray(events.truth, np.float32), reco.anchor)
    _refuse_nonfinite(events, z, p.coordinates.names)
    weight = np.ones(len(z)) if events.weight is None else np.asarray(events.weight)
    return Batch(z, reco, (weight / np.mean(weight)).astype(np.float32))


def augment(events: Events, axes: Sequence[str]) -> Events:
    """The events and their mirror images under every combination of reflections: 2^len(axes) times as many.

    Raises: InputError for tables, which have no momenta to reflect.
    """
    for axis in axes:
        events = concatenate([events, mirror(events, axis)])
    return events


def mirror(events: Events, axis: str) -> Events:
    """The events with one component of every momentum reversed; extra columns named ..._px, _py, _pz follow."""
    if events.kind != "momenta":
        raise InputError(f"{events.path or 'events'}: augment: expected momenta, found a table")
    truth = None if events.truth is None else reflect(events.truth, axis)
    extra = events.extra
    if extra is not None:
        odd = np.array([name.endswith(f"_p{axis}") for name in events.extra_names], bool)
        extra = np.where(odd, -extra, extra)
    return dataclasses.replace(events, truth=truth, reco=reflect(events.reco, axis), extra=extra)
