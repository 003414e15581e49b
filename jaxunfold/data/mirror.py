"""More training events for nothing: mirror images, which the collisions and the detector cannot tell apart.

What a network sees of an image follows from what it sees of the event, mostly by a change of signs, so that nothing
is fitted twice.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.data import preprocess
from jaxunfold.data.events import Events, concatenate
from jaxunfold.errors import InputError
from jaxunfold.physics.fourvectors import wrap_angle
from jaxunfold.physics.kinematic_fit import Resolution
from jaxunfold.physics.symmetries import reflect
from jaxunfold.types import Anchor

COMPARED = preprocess.CHUNKS[-1]
"""Events whose images are measured themselves, to see what becomes of each number: one piece of those that are."""

CLOSE = 0.01
"""How far off, in widths among these events, an image's number may be in all of them but one in a hundred: fits in
float32 end that far apart."""


def augment(events: Events, axes: Sequence[str]) -> Events:
    """The events and their mirror images under every combination of reflections: 2^len(axes) times as many.

    Raises: InputError for tables without a column that changes its sign.
    """
    for axis in axes:
        events = concatenate([events, mirror(events, axis)])
    return events


def mirror(events: Events, axis: str) -> Events:
    """The events with one component of every momentum reversed.

    Columns follow by their names: ..._px, ..._py, ..._pz, and of a table eta_... (z), phi_... and dphi_... (y), which
    are azimuths from a direction in the mirror's plane.
    """
    if events.kind != "momenta":
        signs = [odd(names, axis) for names in (events.truth_names, events.reco_names)]
        if not any(map(np.any, signs)):
            known = ", ".join((*events.truth_names, *events.reco_names))
            raise InputError(
                f"{events.path or 'events'}: augment: expected momenta, or a table's columns that change sign with "
                f"{axis}, as {'eta_...' if axis == 'z' else 'dphi_...' if axis == 'y' else '..._px'}, found {known}"
            )
        truth, reco = (
            None if x is None else np.where(sign, -x, x) for x, sign in zip((events.truth, events.reco), signs)
        )
    else:
        truth = None if events.truth is None else reflect(events.truth, axis)
        reco = reflect(events.reco, axis)
    extra = events.extra
    if extra is not None:
        extra = np.where(odd(events.extra_names, axis), -extra, extra)
    return dataclasses.replace(events, truth=truth, reco=reco, extra=extra)


STEMS = {"x": (), "y": ("phi", "dphi"), "z": ("eta",)}
"""First words of columns that change sign with an axis."""


def odd(names: Sequence[str], axis: str) -> np.ndarray:
    """Which of these columns change sign, [len(names)]."""
    stems = STEMS.get(axis, ())
    return np.array([name.endswith(f"_p{axis}") or name.partition("_")[0] in stems for name in names], bool)


def measure(
    p: preprocess.Pipeline, resolution: Resolution | None, events: Events, seen: preprocess.Seen
) -> preprocess.Seen:
    """``preprocess.measure`` of events and their images, from that of the events alone.

    Args:
      p: The pipeline. resolution: What its fit assumes. events: As ``augment`` has them, images behind them.
      seen: ``preprocess.measure`` of those that are no images.
    """
    # each axis has doubled what was there before
    while (done := len(seen.features)) < len(events):
        images = events[done : 2 * done]
        reflected = None
        if len(images) > COMPARED:
            reflected = _reflected(p, seen, preprocess.measure(p, resolution, images[:COMPARED]))
        if reflected is None:
            reflected = preprocess.measure(p, resolution, images)
        seen = jax.tree.map(lambda *parts: np.concatenate(parts), seen, reflected)
    return seen


def _reflected(p, seen, direct):
    """What is seen of the images, if signs and half turns make it of what is seen of the events; None if not.

    direct: The same of the first images themselves.
    """
    first = jax.tree.map(lambda x: x[: len(direct.features)], seen)
    features = _rule(first.features, direct.features)
    anchor = _rule(first.anchor.x, direct.anchor.x, np.array(p.coordinates.periodic))
    if features is None or anchor is None:
        return None
    frame, objects = seen.anchor.frame, seen.objects
    if frame is not None:
        turned = anchor.sign[:, None] * anchor.sign
        size = np.diagonal(direct.anchor.frame, axis1=1, axis2=2)[:, :, None]
        if np.any(_largest((turned * first.anchor.frame - direct.anchor.frame) / size) > CLOSE):
            return None
        frame = turned * frame
    if objects is not None:
        columns = objects.shape[-1]
        rule = _rule(first.objects.reshape(-1, columns), direct.objects.reshape(-1, columns))
        if rule is None:
            return None
        objects = rule.of(objects)
    return preprocess.Seen(features.of(seen.features), objects, Anchor(anchor.of(seen.anchor.x), frame))


class _Rule(NamedTuple):
    """x -> sign x of every column, or half a turn more where ``turned``."""

    sign: np.ndarray
    turned: np.ndarray

    def of(self, x):
        x = self.sign * x
        return np.where(self.turned, _wrapped(np.pi + x), x)


def _rule(values, images, periodic=False):
    """What makes the images [m, c] of the values [m, c], column by column; None if it is not signs and half turns."""
    shape = values.shape[1]
    one, no = np.ones(shape, np.float32), np.zeros(shape, bool)
    periodic = np.broadcast_to(periodic, shape)
    near = CLOSE * np.std(values, axis=0) + 1e-6
    best, left = _Rule(one, no), np.full(shape, np.inf)
    for rule in (_Rule(one, no), _Rule(-one, no), _Rule(one, periodic), _Rule(-one, periodic)):
        off = images - rule.of(values)
        off = _largest(np.where(periodic, _wrapped(off), off))
        better = off < left
        best = _Rule(*(np.where(better, new, old) for new, old in zip(rule, best)))
        left = np.minimum(left, off)
    return best if np.all(left <= near) else None


def _largest(off):
    return np.quantile(np.abs(off), 0.99, axis=0)


def _wrapped(angle):
    return np.asarray(wrap_angle(jnp.asarray(angle)))
