"""A decay tree, checked once when it is built: which leaves form which resonance, and what recoils."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxunfold.errors import InputError
from jaxunfold.physics.observables import leaves_of

DECAYS = ("lab", "frame")
TOTALS = ("zero", "free")


class Tree(NamedTuple):
    """A decay tree.

    labels: the leaves, in the order of the truth dataset. masses: mass of each leaf in GeV.
    resonances: name -> its two children. decays: name -> "lab" or "frame" (see physics.resonance).
    roots: the nodes that no resonance contains, the recoiling one last.
    recoil: the root whose transverse momentum balances the others, or None.
    total: "zero" where the transverse momenta sum to zero, "free" where the sum is a coordinate of its own.
    """

    labels: tuple[str, ...]
    masses: tuple[float, ...]
    resonances: dict[str, tuple[str, str]]
    decays: dict[str, str]
    roots: tuple[str, ...]
    recoil: str | None
    total: str

    def leaves(self, name: str) -> tuple[str, ...]:
        """The leaves below a node."""
        return leaves_of(name, self.resonances)


def build_tree(
    labels: Sequence[str],
    resonances: Mapping[str, Sequence[str]],
    decays: Mapping[str, str] | None = None,
    masses: Mapping[str, float] | None = None,
    recoil: str | None = None,
    total: str = "zero",
) -> Tree:
    """A checked decay tree.

    Args:
      labels: Names of the truth particles.
      resonances: Each resonance and its two children (leaves or resonances); three-body decays nest.
      decays: "lab" (two massless leaves; directions and pT ratio) or "frame" (angles in its rest frame, default).
      masses: GeV, of the leaves that are not massless.
      recoil: The root that balances the others' transverse momentum; None leaves each root its own.
      total: With a recoil, whether the transverse momenta sum to "zero" or to a "free" coordinate.
    Raises: InputError naming the node that does not fit.
    """
    decays, masses = dict(decays or {}), dict(masses or {})
    resonances = {name: tuple(children) for name, children in resonances.items()}
    known = set(labels) | set(resonances)
    parents: dict[str, str] = {}
    for name, children in resonances.items():
        if name in labels:
            raise InputError(f"coordinates.resonances: {name!r} is the name of a leaf already")
        if len(children) != 2:
            raise InputError(f"coordinates.resonances.{name}: expected two children (nest more), found {children}")
        for child in children:
            if child not in known:
                raise InputError(
                    f"coordinates.resonances.{name}: expected children among {sorted(known)}, found {child!r}"
                )
            if child in parents:
                raise InputError(
                    f"coordinates.resonances: {child!r} is a child of both {parents[child]!r} and {name!r}"
                )
            parents[child] = name
    for name, kind in decays.items():
        if name not in resonances or kind not in DECAYS:
            raise InputError(f"coordinates.decays.{name}: expected a resonance and one of {DECAYS}, found {kind!r}")
        light = all(child in labels and not masses.get(child) for child in resonances[name])
        if kind == "lab" and (not light or name in parents or name == recoil):
            raise InputError(
                f"coordinates.decays.{name}: 'lab' needs two massless leaves and a momentum of its own; use 'frame'"
            )
    for name in masses:
        if name not in labels:
            raise InputError(f"coordinates.masses: expected leaves among {tuple(labels)}, found {name!r}")
    for name in resonances:
        above = name
        for _ in resonances:
            above = parents.get(above, "")
            if above == name:
                raise InputError(f"coordinates.resonances: {name!r} is below itself; expected a tree, found a cycle")
    roots = [node for node in (*resonances, *labels) if node not in parents]
    if recoil is not None:
        if recoil not in roots or len(roots) < 2:
            raise InputError(f"coordinates.recoil: expected one of several roots {roots}, found {recoil!r}")
        roots = [*(r for r in roots if r != recoil), recoil]
    if total not in TOTALS:
        raise InputError(f"coordinates.total: expected one of {TOTALS}, found {total!r}")
    decays = {name: decays.get(name, "frame") for name in resonances}
    return Tree(
        tuple(labels),
        tuple(float(masses.get(label, 0.0)) for label in labels),
        resonances,
        decays,
        tuple(roots),
        recoil,
        total,
    )
