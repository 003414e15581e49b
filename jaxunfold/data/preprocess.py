"""From events to what networks see and back: a bijection per event, fitted on the training part alone.

truth -> coordinates -> relative to the measured event, where asked -> standard normal by quantiles, or
standardised; reco -> features and objects -> standardised. The fitted numbers are a pytree, saved with the state.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxunfold import compilation
from jaxunfold.bijections import quantile
from jaxunfold.data.events import Events, with_placeholders
from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics import kinematic_fit as kf
from jaxunfold.physics.coordinates import Coordinates, build_coordinates
from jaxunfold.physics.features import Features, build_features
from jaxunfold.types import Anchor, Batch, Reco

CHUNKS = (64, 4096)
"""Events at a time: few sizes, for each is compiled on its own, which takes longer than to pad."""

SCALINGS = {"quantile": quantile.fit_quantiles, "standard": quantile.fit_standard}
REFERENCES = ("measured", "fit")
MOMENTS = ("feature_mean", "feature_scale", "object_mean", "object_scale")


class Pipeline(NamedTuple):
    """The fixed part of the preprocessing, as the config describes it.

    relative: whether each coordinate is taken relative to the measured event, [d].
    reference: "measured", the same coordinate of the measured event, or "fit", a kinematic fit to it.
    scaling: a key of ``SCALINGS``. num_truth: number of truth particles or columns.
    measure: (resolution, reco, mask, extra) -> features, objects and anchor of many events, compiled once.
    relate: (truth, anchor) -> coordinates relative to the anchor and the log-determinant of many events, likewise.
    """

    coordinates: Coordinates
    features: Features
    relative: np.ndarray
    reference: str
    scaling: str
    num_truth: int
    measure: Callable | None = None
    relate: Callable | None = None


class Fitted(NamedTuple):
    """The fitted part: coordinate quantiles, feature moments [r], the resolution that a fit assumes, and the
    moments of the objects that are present [f]; None for a table."""

    quantiles: quantile.Quantiles
    feature_mean: Array
    feature_scale: Array
    resolution: kf.Resolution | None = None
    object_mean: Array | None = None
    object_scale: Array | None = None


class Seen(NamedTuple):
    """What ``Pipeline.measure`` makes of measured events, numpy arrays [n, ...]: features [n, r] and objects, both
    not yet standardised, and anchors."""

    features: np.ndarray
    objects: np.ndarray | None
    anchor: Anchor


def build_pipeline(
    truth_names: Sequence[str],
    reco_names: Sequence[str],
    extra_names: Sequence[str],
    coordinates: dict,
    features: dict,
    relative: Sequence[str] = (),
    reference: str = "measured",
    scaling: str = "quantile",
) -> Pipeline:
    """The preprocessing that a config describes.

    Args:
      truth_names, reco_names, extra_names: As in the event file.
      coordinates, features: Options of ``build_coordinates`` and ``build_features``.
      relative: Names of the coordinates to take relative to the measured event; ("all",) for every one.
      reference: "measured" or "fit" (see ``physics.kinematic_fit``; the pulls then become features).
      scaling: "quantile" (Gaussian by training quantiles) or "standard" (zero mean, unit width).
    Raises: InputError naming the option that does not fit.
    """
    coords = build_coordinates(labels=truth_names, reco_labels=reco_names, **coordinates)
    chosen = set(coords.names) if "all" in relative else set(relative)
    if unknown := sorted(chosen - set(coords.names)):
        raise InputError(f"relative: expected coordinates among {coords.names}, found {unknown[0]!r}")
    for name, value, known in (("scaling", scaling, tuple(SCALINGS)), ("reference", reference, REFERENCES)):
        if value not in known:
            raise InputError(f"{name}: expected one of {known}, found {value!r}")
    if reference == "fit" and (coords.matched is None or not chosen):
        raise InputError("reference: 'fit' needs relative coordinates along a decay tree or momenta")
    feats = build_features(labels=reco_names, extra=extra_names, **features)
    if chosen and not reco_names:
        raise InputError(f"relative: expected () where nothing is measured, found {sorted(chosen)[0]!r}")
    pipeline = Pipeline(
        coords, feats, np.array([n in chosen for n in coords.names]), reference, scaling, len(truth_names)
    )
    # they take seconds to compile, so that fitting and encoding share each program
    measure = _compiled(jax.vmap(partial(_raw, pipeline), in_axes=(None, 0, 0, 0)))
    return pipeline._replace(measure=measure, relate=_compiled(jax.vmap(partial(_relative, pipeline))))


def _compiled(fn):
    """A long elementwise function, compiled quickly."""
    return jax.jit(fn, compiler_options=compilation.options(compilation.LONG))


def feature_names(p: Pipeline) -> tuple[str, ...]:
    """Names of the network's inputs, [r]."""
    pulls = 0
    if p.reference == "fit":
        pulls = 3 * p.num_truth
    return p.features.names + tuple(f"pull_{i}" for i in range(pulls))


def _arrays(events: Events):
    n = len(events)
    reco = np.asarray(events.reco, np.float32)
    mask = np.ones(reco.shape[:2], bool) if events.mask is None else events.mask
    extra = np.zeros((n, 0), np.float32) if events.extra is None else events.extra
    return reco, mask, extra


def _apply_in_chunks(fn, *arrays):
    """A compiled fn over pieces of one size of the leading axis, so that memory and compilations stay bounded."""
    n = len(jax.tree.leaves(arrays)[0])
    size = next((size for size in CHUNKS if n <= size), CHUNKS[-1])

    def piece(start):
        part = jax.tree.map(lambda a: a[start : start + size], arrays)
        pad = size - len(jax.tree.leaves(part)[0])
        if pad:
            part = jax.tree.map(lambda a: np.concatenate([a, np.repeat(a[-1:], pad, axis=0)]), part)
        return jax.tree.map(lambda x: np.asarray(x)[: size - pad], fn(*part))

    pieces = [piece(start) for start in range(0, n, size)]
    return jax.tree.map(lambda *x: np.concatenate(x), *pieces)


def _anchor(p: Pipeline, resolution: kf.Resolution | None, reco: Array) -> tuple[Anchor, Array]:
    """What one event's coordinates are relative to, and the pulls of the fit, [0] without one."""
    coords = p.coordinates
    if not p.relative.any():
        return Anchor(jnp.zeros(len(coords.names))), jnp.zeros(0)
    start = coords.measure(reco)
    if p.reference == "measured":
        return Anchor(jnp.where(p.relative, start, 0.0)), jnp.zeros(0)
    result = kf.kinematic_fit(coords.decode, start, kf.measured(coords.matched(reco)), resolution)
    return Anchor(result.x, kf.whitening(result.curvature, p.relative)), result.pulls


def _raw(p: Pipeline, resolution: kf.Resolution | None, reco: Array, mask: Array, extra: Array):
    """Features, objects and anchor of one measured event, not yet standardised."""
    # what is not there has no number, whatever stands in its place
    there = mask.reshape(mask.shape + (1,) * (reco.ndim - mask.ndim))
    anchor, pulls = _anchor(p, resolution, jnp.where(there, reco, jnp.nan))
    objects = None if p.features.objects is None else p.features.objects(reco, mask)
    # a leg far off its measurement would be far outside what the network ever sees
    return jnp.concatenate([p.features.apply(reco, mask, extra), jnp.arcsinh(pulls)]), objects, anchor


def _relative(p: Pipeline, truth: Array, anchor: Anchor) -> tuple[Array, Array]:
    x, log_det = p.coordinates.encode(truth)
    delta = x - anchor.x
    delta = jnp.where(np.array(p.coordinates.periodic), fv.wrap_angle(delta), delta)
    if anchor.frame is None:
        return delta, log_det
    # the frame is triangular up to the order of the coordinates, so its diagonal is its determinant
    log_scale = jnp.sum(jnp.log(jnp.diagonal(anchor.frame)))
    return jnp.where(p.relative, kf.dot(anchor.frame, delta), x), log_det + log_scale


def _absolute(p: Pipeline, v: Array, anchor: Anchor) -> Array:
    delta = v
    if anchor.frame is not None:
        # unbatched over draws, so that each event's matrix is inverted once
        delta = kf.dot(jnp.linalg.inv(anchor.frame), jnp.where(p.relative, v, v - anchor.x))
    x = anchor.x + delta
    return jnp.where(np.array(p.coordinates.periodic), fv.wrap_angle(x), x)


def fit_resolution(p: Pipeline, events: Events) -> kf.Resolution | None:
    """The resolution that the kinematic fit assumes, from training events; None where there is no fit."""
    if p.reference != "fit":
        return None

    def one(truth, reco):
        seen = kf.measured(p.coordinates.matched(reco))
        return kf.difference(seen, kf.measured(truth)), p.coordinates.encode(truth)[0]

    reco, _, _ = _arrays(events)
    residuals, x = _apply_in_chunks(_compiled(jax.vmap(one)), np.asarray(events.truth, np.float32), reco)
    _refuse_nonfinite(events, x, p.coordinates.names)
    return kf.fit_resolution(residuals, x, ~p.relative)


def measure(p: Pipeline, resolution: kf.Resolution | None, events: Events) -> Seen:
    """What is seen of measured events, in chunks; the kinematic fit, where there is one, is what takes long."""
    return Seen(*_apply_in_chunks(partial(p.measure, resolution), *_arrays(events)))


def fit(p: Pipeline, events: Events, resolution: kf.Resolution | None = None, seen: Seen | None = None) -> Fitted:
    """Fit the preprocessing on training events.

    Args:
      resolution, seen: ``fit_resolution`` and ``measure`` of them, where they are at hand.
    Raises: InputError if a coordinate or feature is not finite ("row 17: log_m_ll is nan") or constant.
    """
    resolution = fit_resolution(p, events) if resolution is None else resolution
    raw, objects, anchor = measure(p, resolution, events) if seen is None else seen
    mask = _arrays(events)[1]
    truth = np.asarray(events.truth, np.float32)
    x, _ = _apply_in_chunks(p.relate, truth, anchor)
    _refuse_nonfinite(events, x, p.coordinates.names)
    _refuse_nonfinite(events, raw, feature_names(p))
    for i, name in enumerate(p.coordinates.names):
        if np.ptp(x[:, i]) == 0:
            raise InputError(f"{events.path or 'events'}: expected a {name} that varies, found only {x[0, i]:g}")
    weight = np.ones(len(x)) if events.weight is None else np.asarray(events.weight, np.float64)
    moments = _moments(raw, weight)
    if objects is not None:
        present = objects[mask]
        mean, scale = _moments(present, np.broadcast_to(weight[:, None], mask.shape)[mask])
        kind = np.array([name.startswith("is_") for name in p.features.object_names])
        moments += (np.where(kind, 0.0, mean), np.where(kind, 1.0, scale))
    feature_mean, feature_scale, *of_objects = (jnp.asarray(a, jnp.float32) for a in moments)
    return Fitted(SCALINGS[p.scaling](x, weight), feature_mean, feature_scale, resolution, *of_objects)


def _moments(values, weight):
    """Mean and width of each column."""
    mean = np.average(values, axis=0, weights=weight)
    scale = np.sqrt(np.maximum(np.average((values - mean) ** 2, axis=0, weights=weight), 0.0))
    # a feature that never varies (a mask that is always set) carries nothing and stays zero
    return mean, np.where(scale > 1e-6 * (1 + np.abs(mean)), scale, 1e6)


def to_arrays(fitted: Fitted) -> dict[str, np.ndarray]:
    """The fitted numbers by name, as ``numpy.savez`` takes them."""
    parts = {"quantiles": fitted.quantiles, "resolution": fitted.resolution}
    named = {f"{k}.{f}": v for k, part in parts.items() if part is not None for f, v in part._asdict().items()}
    named |= {name: getattr(fitted, name) for name in MOMENTS if getattr(fitted, name) is not None}
    return {name: np.asarray(value) for name, value in named.items()}


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Fitted:
    """What ``to_arrays`` was given. Raises: KeyError if a name is missing."""

    def part(kind, name):
        return kind(*(jnp.asarray(arrays[f"{name}.{field}"]) for field in kind._fields))

    has_fit = any(name.startswith("resolution.") for name in arrays)
    return Fitted(
        part(quantile.Quantiles, "quantiles"),
        resolution=part(kf.Resolution, "resolution") if has_fit else None,
        **{name: jnp.asarray(arrays[name]) for name in MOMENTS if name in arrays},
    )


def _refuse_nonfinite(events, values, names):
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        where = events.path or "events"
        raise InputError(f"{where}: row {row}: expected a finite {names[column]}, found {values[row, column]}")


def encode_truth(p: Pipeline, fitted: Fitted, truth: Array, anchor: Anchor) -> tuple[Array, Array]:
    """Standardised truth [d] of one event and log|dz/dtruth| (the measure is ``p.coordinates.measure_of``)."""
    x, log_det = _relative(p, truth, anchor)
    z, log_derivative = quantile.to_normal(fitted.quantiles, x)
    return z, log_det + jnp.sum(log_derivative)


def decode_truth(p: Pipeline, fitted: Fitted, z: Float[Array, " d"], anchor: Anchor) -> Array:
    """Truth of one event in physical units from its standardised coordinates: the inverse of ``encode_truth``."""
    return p.coordinates.decode(_absolute(p, quantile.from_normal(fitted.quantiles, z)[0], anchor))


def decode(p: Pipeline, fitted: Fitted, z: np.ndarray, anchor: Anchor) -> np.ndarray:
    """Truth in physical units of standardised draws z [n, k, d] of events with these anchors [n], in chunks."""

    def one(z, anchor):
        return jax.vmap(lambda zk: decode_truth(p, fitted, zk, anchor))(z)

    return _apply_in_chunks(jax.jit(jax.vmap(one)), np.asarray(z), anchor)


def encode_reco(p: Pipeline, fitted: Fitted, events: Events, seen: Seen | None = None) -> Reco:
    """Measured events [n] as a network sees them; numpy arrays. seen: ``measure`` of them, where it is at hand."""
    raw, objects, anchor = measure(p, fitted.resolution, events) if seen is None else seen
    mask = _arrays(events)[1]
    _refuse_nonfinite(events, raw, feature_names(p))
    _refuse_nonfinite(events, anchor.x, p.coordinates.names)
    features = (raw - np.asarray(fitted.feature_mean)) / np.asarray(fitted.feature_scale)
    if objects is not None and fitted.object_mean is not None:
        standard = (objects - np.asarray(fitted.object_mean)) / np.asarray(fitted.object_scale)
        objects = np.where(mask[..., None], standard, np.float32(0.0))
    return Reco(features, anchor, events.mask, objects=objects)


_to_normal = jax.jit(jax.vmap(quantile.to_normal, in_axes=(None, 0)))


def encode(p: Pipeline, fitted: Fitted, events: Events, seen: Seen | None = None) -> Batch:
    """Paired events [n] as a batch of numpy arrays; weights are scaled to a mean of one.

    Events that do not pass at truth or reco level have place holders there.

    Args:
      seen: ``measure`` of events that all pass, where it is at hand.
    Raises: InputError if the events have no truth or a coordinate is not finite.
    """
    if events.truth is None:
        raise InputError(f"{events.path or 'events'}: expected a truth dataset, found none")
    events = with_placeholders(events)
    reco = encode_reco(p, fitted, events, seen)
    truth = np.asarray(events.truth, np.float32)
    x, _ = _apply_in_chunks(p.relate, truth, reco.anchor)
    z, _ = _apply_in_chunks(partial(_to_normal, fitted.quantiles), x)
    _refuse_nonfinite(events, z, p.coordinates.names)
    weight = np.ones(len(z)) if events.weight is None else np.asarray(events.weight)
    return Batch(z, reco, (weight / np.mean(weight)).astype(np.float32), events.pass_truth, events.pass_reco)
