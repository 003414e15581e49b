"""Truth coordinates: bijections from an event's truth to a vector [d], found by name in ``COORDINATES``.

Each also says how to measure the same coordinates on the reconstructed event, so that a method may work
relative to what was measured.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.physics import above_cut, resonance
from jaxunfold.physics.pairing import check_among, closest_pair
from jaxunfold.physics.tree import build_tree


class Coordinates(NamedTuple):
    """A bijection of one event's truth, in physical units, to coordinates [d].

    names: of the coordinates, [d]. periodic: which of them are angles.
    encode: truth -> (x [d], log|dx/dtruth|). decode: x [d] -> truth.
    measure: reco -> the same coordinates of the measured event [d], or None where there is no such thing.
    measure_of: what the density of ``log_prob`` is with respect to, in words.
    matched: reco -> the momenta that measure each truth particle, [p, 4]; None for tables.
    """

    names: tuple[str, ...]
    periodic: tuple[bool, ...]
    encode: Callable
    decode: Callable
    measure: Callable | None
    measure_of: str
    matched: Callable | None = None


def momenta(
    labels: Sequence[str],
    reco_labels: Sequence[str],
    masses: Mapping[str, float] | None = None,
    reco=None,
    recoil: str | None = None,
):
    """The papers' coordinates: px, py, pz of each on-shell particle, in GeV (thesis Table 2.2, D_p = 3 x 4).

    recoil: A leaf without px and py of its own, which balance those of all others; thesis section 3.4 has four
      coordinates of two leptons. None for none.
    """
    if recoil is not None and recoil not in labels:
        raise InputError(f"coordinates.recoil: expected a leaf of {tuple(labels)}, found {recoil!r}")
    shell = jnp.asarray([(masses or {}).get(label, 0.0) for label in labels], jnp.float32)
    take = _reco_index(labels, reco_labels, reco)
    parts = [(label, c) for label in labels for c in ("px", "py", "pz")]
    kept = np.array([label != recoil or c == "pz" for label, c in parts])
    others = np.array([label != recoil for label in labels])

    def free(p):
        return p[:, 1:].reshape(-1)[kept]

    def encode(truth):
        return free(truth), jnp.zeros((), truth.dtype)

    def decode(x):
        three = jnp.zeros(len(parts), x.dtype).at[np.flatnonzero(kept)].set(x).reshape(-1, 3)
        if recoil is not None:
            balance = -jnp.sum(three[others, :2], axis=0)
            three = three.at[list(labels).index(recoil), :2].set(balance)
        energy = jnp.sqrt(jnp.sum(three**2, axis=-1) + shell**2)
        return jnp.concatenate([energy[:, None], three], axis=-1)

    names = tuple(f"{c}_{label}" for (label, c), keep in zip(parts, kept, strict=True) if keep)
    words = "the three-momenta of all truth particles, GeV^-3 each"
    if recoil is not None:
        words += f", without px and py of {recoil}, which momentum conservation fixes"
    return Coordinates(names, (False,) * len(names), encode, decode, lambda p: free(take(p)), words, take)


def along_tree(
    labels: Sequence[str], reco_labels: Sequence[str], resonances, decays=None, masses=None, recoil=None,
    total="zero", reco=None, closest=None,
):  # fmt: skip
    """Coordinates along a decay tree: see ``physics.resonance`` and ``physics.tree.build_tree``.

    reco: {truth leaf: reco object} for the measured coordinates; the same position where absent.
    closest: {resonance: {"among": reco objects, "mass": GeV}}: its two leaves are measured by the pair among these
      that is closest to the mass, the one with more pT first; as radiation may add objects to those of the decay.
    """
    tree = build_tree(labels, resonances, decays, masses, recoil, total)
    take = _reco_index(labels, reco_labels, reco)
    for name, choice in (closest or {}).items():
        take = _take_closest(take, tree, reco_labels, name, **choice)
    names = resonance.coordinate_names(tree)
    words = "the three-momenta of all truth particles, GeV^-3 each"
    if recoil and total == "zero":
        words += f", without px and py of {tree.leaves(recoil)[-1]}, which momentum conservation fixes"

    def measure(p):
        return resonance.encode(tree, take(p))[0]

    return Coordinates(
        names,
        tuple(resonance.is_periodic(name) for name in names),
        lambda p: resonance.encode(tree, p),
        lambda x: resonance.decode(tree, x),
        measure,
        words,
        take,
    )


def above(labels: Sequence[str], reco_labels: Sequence[str], cuts, masses=None, reco=None):
    """log(pT - cut), eta and azimuth of particles with a cut: see ``physics.above_cut``."""
    encode, decode = above_cut.maps(labels, cuts, masses)
    take = _reco_index(labels, reco_labels, reco)
    found = above_cut.names(labels, cuts)
    periodic = tuple(name.startswith(("phi_", "dphi_")) for name in found)
    words = "the three-momenta of all truth particles, GeV^-3 each"
    return Coordinates(found, periodic, encode, decode, lambda p: encode(take(p))[0], words, take)


def columns(names: Sequence[str], reco_names: Sequence[str], reco: Mapping[str, str] | None = None):
    """A table's columns as they are; reco names the measured column of a truth column, where there is one."""
    reco = dict(reco or {})
    for name, column in reco.items():
        if name not in names or column not in reco_names:
            raise InputError(
                f"coordinates.reco: expected a truth column of {tuple(names)} and a reco column of "
                f"{tuple(reco_names)}, found {name!r}: {column!r}"
            )
    index = [list(reco_names).index(reco[name]) if name in reco else -1 for name in names]

    def measure(row):
        return jnp.stack([row[i] if i >= 0 else jnp.zeros((), row.dtype) for i in index])

    return Coordinates(
        tuple(names),
        (False,) * len(names),
        lambda row: (row, jnp.zeros((), row.dtype)),
        lambda x: x,
        measure,
        "the truth columns, in their units",
    )


COORDINATES = {"momenta": momenta, "resonance": along_tree, "columns": columns, "above_cut": above}


def build_coordinates(kind: str, labels: Sequence[str], reco_labels: Sequence[str], **options) -> Coordinates:
    """Coordinates by name, for truth and reco objects with these labels.

    Raises: InputError if the name or an option does not fit.
    """
    if kind not in COORDINATES:
        raise InputError(f"coordinates.kind: expected one of {', '.join(COORDINATES)}, found {kind!r}")
    try:
        return COORDINATES[kind](labels, reco_labels, **options)
    except TypeError as error:
        raise InputError(f"coordinates: {kind!r} does not take these options ({error})") from error


def _reco_index(labels, reco_labels, reco):
    """reco -> the momenta of the objects that measure each truth leaf, [p, 4]."""
    reco = dict(reco or {})
    for label, target in reco.items():
        if label not in labels or target not in reco_labels:
            raise InputError(
                f"coordinates.reco: expected a leaf of {tuple(labels)} and a reco object of "
                f"{tuple(reco_labels)}, found {label!r}: {target!r}"
            )
    if not reco_labels:  # nothing is measured, and nothing asks for this
        return lambda p: p
    if len(reco_labels) < len(labels) and len(reco) < len(labels):
        raise InputError(
            f"coordinates.reco: expected a reco object for each of {tuple(labels)}, found {tuple(reco_labels)}"
        )
    positions = [list(reco_labels).index(reco[label]) if label in reco else i for i, label in enumerate(labels)]
    chosen = jnp.asarray(positions)
    return lambda p: p[chosen]


def _take_closest(take, tree, reco_labels, name, among, mass):
    """``take`` with the leaves of one resonance replaced by the pair closest to its mass."""
    leaves = tree.resonances.get(name, ())
    if not leaves or any(leaf not in tree.labels for leaf in leaves):
        raise InputError(f"coordinates.closest: expected a resonance of two leaves, found {name!r}")
    places = jnp.asarray([tree.labels.index(leaf) for leaf in leaves])
    positions = check_among(f"coordinates.closest.{name}.among", among, reco_labels)
    return lambda p: take(p).at[places].set(closest_pair(p, positions, mass))
