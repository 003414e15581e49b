"""What a network is shown of the measured event: functions reco -> vector [r], found by name in ``FEATURES``."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics.observables import pair_mass


class Features(NamedTuple):
    """names: of the features, [r]. apply: (reco, mask, extra) of one event -> [r]."""

    names: tuple[str, ...]
    apply: Callable


def four_momenta(labels: Sequence[str], extra: Sequence[str] = ()) -> Features:
    """The papers' input: (E, px, py, pz) of every object in GeV, zero where it is absent."""
    names = tuple(f"{c}_{label}" for label in labels for c in ("e", "px", "py", "pz")) + tuple(extra)

    def apply(reco, mask, extra_values):
        return jnp.concatenate([jnp.where(mask[:, None], reco, 0.0).reshape(-1), extra_values])

    return Features(names, apply)


def kinematics(
    labels: Sequence[str], extra: Sequence[str] = (), axis: Sequence[str] = (), pairs: Mapping | None = None
) -> Features:
    """log pT, eta, azimuth and relative mass of each object, azimuths relative to the sum of some of them.

    Detectors are symmetric about the beam, so the overall azimuth carries nothing; what is left is invariant.

    Args:
      labels: Reco objects. extra: Names of the extra columns.
      axis: Objects whose summed azimuth is the origin; all where empty.
      pairs: {name: (object, object)}, pairs whose log mass, log pT and rapidity are shown as well.
    """
    labels = tuple(labels)
    for label in (*axis, *(x for pair in (pairs or {}).values() for x in pair)):
        if label not in labels:
            raise InputError(f"features: expected reco objects among {labels}, found {label!r}")
    origin = np.array([label in (axis or labels) for label in labels])
    pairs = {name: tuple(labels.index(x) for x in pair) for name, pair in (pairs or {}).items()}
    each = ("log_pt", "eta", "cos_phi", "sin_phi", "relative_mass", "present")
    names = tuple(f"{c}_{label}" for c in each for label in labels)
    names += tuple(f"{c}_{name}" for name in pairs for c in ("log_m", "log_pt", "y", "cos_phi", "sin_phi"))
    names += tuple(extra)

    def apply(reco, mask, extra_values):
        # absent objects stand on a harmless momentum, so that no logarithm or gradient sees zero
        safe = jnp.where(mask[:, None], reco, jnp.asarray([1.0, 1.0, 0.0, 0.0], reco.dtype))
        reference = fv.phi(jnp.sum(jnp.where((mask & origin)[:, None], reco, 0.0), axis=0))
        phi = fv.phi(safe) - reference
        # below a thousandth of the energy a mass is float32's rounding, and other in every compilation
        m2 = fv.mass_squared(safe)
        heavy = m2 > 1e-6 * safe[:, 0] ** 2
        mass = jnp.where(heavy, jnp.sqrt(jnp.where(heavy, m2, 1.0)), 0.0) / fv.pt(safe)
        shown = [jnp.log(fv.pt(safe)), fv.eta(safe), jnp.cos(phi), jnp.sin(phi), jnp.log1p(mass)]
        out = [jnp.where(mask, v, 0.0) for v in shown] + [mask.astype(reco.dtype)]
        for i, j in pairs.values():
            p, m = safe[i] + safe[j], pair_mass(safe[i], safe[j])
            phi = fv.phi(p) - reference
            y = jnp.arcsinh(p[3] / jnp.sqrt(m**2 + fv.pt(p) ** 2))
            pair = jnp.stack([jnp.log(m), jnp.log(fv.pt(p)), y, jnp.cos(phi), jnp.sin(phi)])
            out.append(jnp.where(mask[i] & mask[j], pair, 0.0))
        return jnp.concatenate([*out, extra_values])

    return Features(names, apply)


def table(labels: Sequence[str], extra: Sequence[str] = ()) -> Features:
    """A table's columns as they are."""
    return Features(
        tuple(labels) + tuple(extra), lambda row, mask, extra_values: jnp.concatenate([row, extra_values])
    )


FEATURES = {"four_momenta": four_momenta, "kinematics": kinematics, "table": table}


def build_features(kind: str, labels: Sequence[str], extra: Sequence[str] = (), **options) -> Features:
    """Features by name, for reco objects with these labels.

    Raises: InputError if the name or an option does not fit.
    """
    if kind not in FEATURES:
        raise InputError(f"features.kind: expected one of {', '.join(FEATURES)}, found {kind!r}")
    try:
        return FEATURES[kind](labels, extra, **options)
    except TypeError as error:
        raise InputError(f"features: {kind!r} does not take these options ({error})") from error
