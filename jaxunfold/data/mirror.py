"""More training events for nothing: mirror images, which the collisions and the detector cannot tell apart."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxunfold.data.events import Events, concatenate
from jaxunfold.errors import InputError
from jaxunfold.physics.symmetries import reflect


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
