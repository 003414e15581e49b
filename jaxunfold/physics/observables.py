"""The observables of a process: pT and eta of every leaf, mass and pT of every resonance, and what a config adds."""

import functools
from collections.abc import Mapping, Sequence

from jaxtyping import Array, Float

from jaxunfold.errors import InputError
from jaxunfold.physics.expressions import Node, parse


def leaves_of(name: str, resonances: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The leaves below one node of a decay tree; a leaf is its own."""
    if name not in resonances:
        return (name,)
    return tuple(leaf for child in resonances[name] for leaf in leaves_of(child, resonances))


def canonical(labels: Sequence[str], resonances: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The expressions of the canonical observables, in their order: {"pt_e-": "pt(e-)", ..., "m_ll": "mass(ll)"}."""
    leaves = {f"{quantity}_{label}": f"{quantity}({label})" for label in labels for quantity in ("pt", "eta")}
    return leaves | {f"{short}_{name}": f"{function}({name})" for name in resonances
                     for short, function in (("m", "mass"), ("pt", "pt"))}  # fmt: skip


def expressions(
    labels: Sequence[str], resonances: Mapping[str, Sequence[str]], named: Mapping[str, str] | None = None
) -> dict[str, Node]:
    """The canonical observables and those of a config by name, as expressions over the leaves.

    Args:
      labels: Name of each particle.
      resonances: Name of each resonance and its children, e.g. {"ll": ("e-", "e+"), "jj": ("q1", "q2")}; named
        expressions may use the names as well.
      named: More observables, {"dphi_ll": "deltaphi(e-, e+)"}.
    Raises: InputError for an expression that cannot be read, or a name that is taken.
    """
    pairs = tuple((name, tuple(children)) for name, children in resonances.items())
    return dict(_expressions(tuple(labels), pairs, tuple((named or {}).items())))


@functools.cache
def _expressions(labels, resonances, named) -> tuple[tuple[str, Node], ...]:
    tree = dict(resonances)
    texts = canonical(labels, tree)
    if taken := [name for name, _ in named if name in texts]:
        raise InputError(f"observables.{taken[0]}: expected a name of its own, found one of every process")
    sums = {name: leaves_of(name, tree) for name in tree}
    return tuple((name, parse(text, labels, sums=sums)) for name, text in (*texts.items(), *named))


def named_over(
    labels: Sequence[str], resonances: Mapping[str, Sequence[str]], named: Mapping[str, str] | None
) -> dict[str, str]:
    """Those of the named observables that these leaves and resonances are enough for."""
    out = {}
    for name, text in (named or {}).items():
        try:
            parse(text, labels, sums={node: leaves_of(node, resonances) for node in resonances})
        except InputError:
            continue
        out[name] = text
    return out


def column_expressions(units: Mapping[str, str], named: Mapping[str, str] | None = None) -> dict[str, Node]:
    """A config's observables of a table, over its columns {name: unit}. Raises: InputError as ``expressions``."""
    if taken := [name for name in named or {} if name in units]:
        raise InputError(f"observables.{taken[0]}: expected a name of its own, found a column of the table")
    return {name: parse(text, columns=units) for name, text in (named or {}).items()}


def observables(
    momenta: Float[Array, "*n p 4"],
    labels: Sequence[str],
    resonances: Mapping[str, Sequence[str]],
    named: Mapping[str, str] | None = None,
) -> dict[str, Array]:
    """Canonical observables of momenta and named ones, in GeV and units of rapidity.

    Args:
      momenta: Particles (E, px, py, pz) in GeV.
      labels: Name of each particle, [p].
      resonances: Name of each resonance and its children, e.g. {"ll": ("e-", "e+"), "jj": ("q1", "q2")}.
      named: More of them, see ``expressions``.
    Returns: {"pt_e-": [*n], "eta_e-": [*n], ..., "m_ll": [*n], "pt_ll": [*n], ...} in this order.
    """
    leaves = {label: momenta[..., i, :] for i, label in enumerate(labels)}
    return {name: node.value(leaves) for name, node in expressions(labels, resonances, named).items()}
