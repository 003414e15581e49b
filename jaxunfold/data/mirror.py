"""More training events for nothing: mirror images, which the collisions and the detector cannot tell apart."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxunfold.data.events import Events, concatenate
from jaxunfold.errors import InputError
from jaxunfold.physics.symmetries import reflect


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
