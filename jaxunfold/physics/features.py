"""What a network is shown of the measured event: functions of reco, found by name in ``FEATURES``.

Each gives one vector [r] for networks that take all at once, and a set of vectors [m, f], one for each object,
for those that do not mind their number or order.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics.fourvectors import pair_mass
from jaxunfold.physics.pairing import check_among, closest_pair

UNIT_X, UNIT_Y = np.array([1.0, 1.0, 0.0, 0.0], np.float32), np.array([1.0, 0.0, 1.0, 0.0], np.float32)
"""Harmless momenta in the place of absent ones."""


class Features(NamedTuple):
    """names: of the features, [r]. apply: (reco, mask, extra) of one event -> [r].

    object_names: of the features of one object, [f]; those that start with "is_" say its kind.
    objects: (reco, mask) of one event -> [m, f], zero where absent; None for a table.
    pairs: (objects [m, f], as ``objects`` gives them) -> kinematics of each pair [m, m, 3]; None without.
    restore: features [r] of one event -> its reco objects [m, 4] or table row; None where they are not all of it.
    """

    names: tuple[str, ...]
    apply: Callable
    object_names: tuple[str, ...] = ()
    objects: Callable | None = None
    pairs: Callable | None = None
    restore: Callable | None = None


def kinds_of(labels: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Kinds of objects, numbers left out, and which of them each is, one-hot [m, kinds]: j1 and j2 are both "j"."""
    stems = [re.sub(r"\d+$", "", label) or label for label in labels]
    kinds = tuple(dict.fromkeys(stems))
    return kinds, np.array([[stem == kind for kind in kinds] for stem in stems], np.float32)


def four_momenta(labels: Sequence[str], extra: Sequence[str] = ()) -> Features:
    """The papers' input: (E, px, py, pz) of every object in GeV, zero where it is absent."""
    names = tuple(f"{c}_{label}" for label in labels for c in ("e", "px", "py", "pz")) + tuple(extra)

    def apply(reco, mask, extra_values):
        return jnp.concatenate([jnp.where(mask[:, None], reco, 0.0).reshape(-1), extra_values])

    kinds, one_hot = kinds_of(labels)

    def objects(reco, mask):
        return jnp.where(mask[:, None], jnp.concatenate([reco, one_hot.astype(reco.dtype)], axis=1), 0.0)

    def restore(x):
        return x[: 4 * len(labels)].reshape(-1, 4)

    object_names = ("e", "px", "py", "pz", *(f"is_{kind}" for kind in kinds))
    return Features(names, apply, object_names, objects, restore=restore)


EACH = ("log_pt", "eta", "cos_phi", "sin_phi", "relative_mass")
SYSTEM = ("log_m", "log_pt", "y", "cos_phi", "sin_phi")


def kinematics(
    labels: Sequence[str],
    extra: Sequence[str] = (),
    axis: Sequence[str] = (),
    pairs: Mapping | None = None,
    closest: Mapping | None = None,
    sums: Mapping | None = None,
    slots: bool = True,
) -> Features:
    """log pT, eta, azimuth and relative mass of each object, azimuths relative to the sum of some of them.

    Detectors are symmetric about the beam, so the overall azimuth carries nothing; what is left is invariant. Extra
    columns named ..._px and ..._py are components along and across the origin of the azimuths.

    Args:
      labels: Reco objects. extra: Names of the extra columns.
      axis: Objects whose summed azimuth is the origin; all where empty.
      pairs: {name: (object, object)}, pairs whose log mass, log pT, rapidity and azimuth are shown as well.
      closest: {name: {"among": objects, "mass": GeV}}, the same of the pair closest to a mass, whatever their order.
      sums: {name: objects}, the same of the sum of those that are present.
      slots: Show each object by itself; without, the vector does not depend on the order of the objects.
    """
    labels = tuple(labels)
    pairs, sums, closest = dict(pairs or {}), dict(sums or {}), dict(closest or {})
    for label in (*axis, *(x for chosen in (*pairs.values(), *sums.values()) for x in chosen)):
        if label not in labels:
            raise InputError(f"features: expected reco objects among {labels}, found {label!r}")
    origin = np.array([label in (axis or labels) for label in labels])
    pairs = {name: tuple(labels.index(x) for x in pair) for name, pair in pairs.items()}
    sums = {name: np.array([label in chosen for label in labels]) for name, chosen in sums.items()}
    for name, choice in closest.items():
        among = check_among(f"features.closest.{name}.among", choice["among"], labels)
        closest[name] = {"among": among, "mass": choice["mass"]}
    names = tuple(f"{c}_{label}" for c in (*EACH, "present") for label in labels) if slots else ()
    names += tuple(f"{c}_{name}" for name in (*pairs, *closest, *sums) for c in SYSTEM)
    names += tuple(extra)
    vectors = [(i, list(extra).index(f"{x[:-3]}_py")) for i, x in enumerate(extra)
               if x.endswith("_px") and f"{x[:-3]}_py" in extra]  # fmt: skip
    kinds, one_hot = kinds_of(labels)

    def each_object(reco, mask):
        """The azimuth of the origin, momenta without zeros, and the columns of every object."""
        # absent objects stand on a harmless momentum, so that no logarithm or gradient sees zero
        safe = jnp.where(mask[:, None], reco, jnp.asarray([1.0, 1.0, 0.0, 0.0], reco.dtype))
        reference = fv.phi(jnp.sum(jnp.where((mask & origin)[:, None], reco, 0.0), axis=0))
        phi = fv.phi(safe) - reference
        # below a thousandth of the energy a mass is float32's rounding, and other in every compilation
        m2 = fv.mass_squared(safe)
        heavy = m2 > 1e-6 * safe[:, 0] ** 2
        mass = jnp.where(heavy, jnp.sqrt(jnp.where(heavy, m2, 1.0)), 0.0) / fv.pt(safe)
        shown = [jnp.log(fv.pt(safe)), fv.eta(safe), jnp.cos(phi), jnp.sin(phi), jnp.log1p(mass)]
        return reference, safe, [jnp.where(mask, v, 0.0) for v in shown]

    def objects(reco, mask):
        _, _, shown = each_object(reco, mask)
        return jnp.concatenate([jnp.stack(shown, axis=1), jnp.where(mask[:, None], one_hot, 0.0)], axis=1)

    def system(p, m, reference):
        phi = fv.phi(p) - reference
        y = jnp.arcsinh(p[3] / jnp.sqrt(m**2 + fv.pt(p) ** 2))
        return jnp.stack([jnp.log(m), jnp.log(fv.pt(p)), y, jnp.cos(phi), jnp.sin(phi)])

    def apply(reco, mask, extra_values):
        reference, safe, shown = each_object(reco, mask)
        present = jnp.where(mask[:, None], reco, 0.0)
        out = [*shown, mask.astype(reco.dtype)] if slots else []
        for i, j in pairs.values():
            shown = system(safe[i] + safe[j], pair_mass(safe[i], safe[j]), reference)
            out.append(jnp.where(mask[i] & mask[j], shown, 0.0))
        for choice in closest.values():
            a, b = closest_pair(present, **choice)
            both = (a[0] > 0) & (b[0] > 0)
            a, b = (jnp.where(both, p, q) for p, q in ((a, UNIT_X), (b, UNIT_Y)))
            out.append(jnp.where(both, system(a + b, pair_mass(a, b), reference), 0.0))
        for chosen in sums.values():
            any_there = jnp.any(mask & chosen)
            p = jnp.where(any_there, jnp.sum(jnp.where(chosen[:, None], present, 0.0), axis=0), UNIT_X)
            out.append(jnp.where(any_there, system(p, jnp.maximum(fv.mass(p), 1e-3 * p[0]), reference), 0.0))
        cos, sin = jnp.cos(reference), jnp.sin(reference)
        for i, j in vectors:
            x, y = extra_values[i], extra_values[j]
            extra_values = extra_values.at[i].set(x * cos + y * sin).at[j].set(y * cos - x * sin)
        return jnp.concatenate([*out, extra_values])

    object_names = (*EACH, *(f"is_{kind}" for kind in kinds))
    return Features(names, apply, object_names, objects, pair_kinematics)


def pair_kinematics(objects: Float[Array, "m f"]) -> Float[Array, "m m 3"]:
    r"""Logarithms of each pair's mass in GeV, of m / sqrt(pT pT'), about :math:`\Delta R`, and of its smaller pT.

    What identifies the jets of one decay is their mass, which no object has by itself: Qu, Li, Qian,
    arXiv:2202.03772, Eq. (3).

    Args:
      objects: Columns of ``kinematics``: log pT, eta, cos phi, sin phi, ...
    """
    log_pt, eta, axes = objects[:, 0], objects[:, 1], objects[:, 2:4]
    # m^2 = 2 pT pT' (cosh deta - cos dphi), without cancellation; the floor keeps an object's pair with itself finite
    deta = jnp.clip(eta[:, None] - eta[None, :], -10.0, 10.0)
    chord2 = jnp.sum((axes[:, None] - axes[None, :]) ** 2, axis=-1)
    opening = 4 * jnp.sinh(deta / 2) ** 2 + chord2
    distance = 0.5 * jnp.log(jnp.maximum(opening, 1e-4))
    log_mass = 0.5 * (log_pt[:, None] + log_pt[None, :]) + distance
    return jnp.stack([log_mass, distance, jnp.minimum(log_pt[:, None], log_pt[None, :])], axis=-1)


def table(labels: Sequence[str], extra: Sequence[str] = ()) -> Features:
    """A table's columns as they are."""
    return Features(
        tuple(labels) + tuple(extra),
        lambda row, mask, extra_values: jnp.concatenate([row, extra_values]),
        restore=lambda x: x[: len(labels)],
    )


def nothing(labels: Sequence[str], extra: Sequence[str] = ()) -> Features:
    """No features at all: events are generated and not unfolded."""
    return Features((), lambda row, mask, extra_values: jnp.zeros(0, jnp.float32))


FEATURES = {"four_momenta": four_momenta, "kinematics": kinematics, "none": nothing, "table": table}


def build_features(
    kind: str, labels: Sequence[str], extra: Sequence[str] = (), use_extra: Sequence[str] | None = None, **options
) -> Features:
    """Features by name, for reco objects with these labels; ``use_extra`` chooses among the extra columns.

    Raises: InputError if the name or an option does not fit.
    """
    if kind not in FEATURES:
        raise InputError(f"features.kind: expected one of {', '.join(FEATURES)}, found {kind!r}")
    if not labels and kind not in ("none", "table"):
        raise InputError(f"features.kind: expected 'none' for events of which nothing is measured, found {kind!r}")
    chosen = tuple(extra) if use_extra is None else tuple(use_extra)
    if missing := [name for name in chosen if name not in extra]:
        raise InputError(f"features.use_extra: expected extra columns among {tuple(extra)}, found {missing[0]!r}")
    try:
        features = FEATURES[kind](labels, chosen, **options)
    except TypeError as error:
        raise InputError(f"features: {kind!r} does not take these options ({error})") from error
    columns = np.array([list(extra).index(name) for name in chosen], int)
    return features._replace(apply=lambda reco, mask, values: features.apply(reco, mask, values[columns]))
