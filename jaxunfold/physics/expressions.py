"""Observables as expressions over leaves: "mass(q1+q2)", "deltaphi(e-, e+)", "pt(jj) / mass(jj)".

One table of functions, ``FUNCTIONS``, in pure jax.numpy: metrics, losses, figures and histograms all evaluate
through it. Particles may be added and subtracted; numbers take + - * / and brackets. The columns of a table are
numbers from the start.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv


class Vector(NamedTuple):
    """A four-momentum [..., 4]; parts are the leaves that it is the plain sum of, () where it is a difference."""

    total: Any
    parts: tuple = ()


class Node(NamedTuple):
    """A part of an expression: "vector" or "number", its unit, the leaves in it, and its value of {leaf: array}."""

    kind: str
    unit: str
    leaves: tuple[str, ...]
    value: Callable[[Mapping[str, Any]], Any]


class Function(NamedTuple):
    """What it takes, its unit ("same": that of its argument), and what it computes."""

    takes: tuple[str, ...]
    unit: str
    apply: Callable


def _mass(p: Vector):
    """Of two leaves from the angle between them, for that keeps small masses in float32."""
    return fv.pair_mass(*p.parts) if len(p.parts) == 2 else fv.mass(p.total)


def _of(function: Callable) -> Callable:
    return lambda *vectors: function(*(vector.total for vector in vectors))


V, N = "vector", "number"
FUNCTIONS = {
    "mass": Function((V,), "GeV", _mass),
    "pt": Function((V,), "GeV", _of(fv.pt)),
    "eta": Function((V,), "", _of(fv.eta)),
    "phi": Function((V,), "", _of(fv.phi)),
    "rapidity": Function((V,), "", _of(fv.rapidity)),
    "mt": Function((V,), "GeV", _of(fv.transverse_mass)),
    "energy": Function((V,), "GeV", lambda p: p.total[..., 0]),
    "px": Function((V,), "GeV", lambda p: p.total[..., 1]),
    "py": Function((V,), "GeV", lambda p: p.total[..., 2]),
    "pz": Function((V,), "GeV", lambda p: p.total[..., 3]),
    "deltaphi": Function((V, V), "", _of(lambda p, q: jnp.abs(fv.wrap_angle(fv.phi(p) - fv.phi(q))))),
    "deltaeta": Function((V, V), "", _of(lambda p, q: jnp.abs(fv.eta(p) - fv.eta(q)))),
    "deltar": Function((V, V), "", _of(fv.delta_r)),
    "costheta": Function((V, V), "", _of(fv.decay_cosine)),
    "abs": Function((N,), "same", jnp.abs),
    "sqrt": Function((N,), "", jnp.sqrt),
    "log": Function((N,), "", jnp.log),
    "exp": Function((N,), "", jnp.exp),
    "cos": Function((N,), "", jnp.cos),
    "sin": Function((N,), "", jnp.sin),
    "min": Function((N, N), "same", jnp.minimum),
    "max": Function((N, N), "same", jnp.maximum),
}
"""deltaphi and deltaeta are absolute; costheta(child, parent) is in the parent's rest frame, against its flight."""


def parse(
    text: str, particles: Sequence[str] = (), columns: Mapping[str, str] | None = None,
    sums: Mapping[str, Sequence[str]] | None = None,
) -> Node:  # fmt: skip
    """An expression as a function of its leaves.

    Args:
      text: e.g. "mass(q1+q2)". Of two names that fit, the longer one is meant.
      particles: Labels of four-momenta. columns: {name: unit} of a table's numbers.
      sums: Names for sums of particles, {"jj": ("q1", "q2")}.
    Returns: A number; ``node.value({leaf: [..., 4] or [...]})`` is its value [...].
    Raises: InputError that quotes the expression and the place in it.

    Example:
      >>> node = parse("mass(q1+q2) / 2", particles=("q1", "q2"))
      >>> float(node.value({"q1": jnp.array([50.0, 0, 0, 50.0]), "q2": jnp.array([50.0, 0, 0, -50.0])}))
      50.0
    """
    names = {name: Node(V, "GeV", (name,), lambda env, name=name: Vector(env[name], (env[name],)))
             for name in particles}  # fmt: skip
    names |= {
        name: Node(N, unit, (name,), lambda env, name=name: env[name]) for name, unit in (columns or {}).items()
    }
    for name, leaves in (sums or {}).items():
        names.setdefault(name, _sum_of([names[leaf] for leaf in leaves]))
    reader = _Reader(text, names)
    node = reader.sum()
    if reader.rest():
        reader.fail("an operator or the end")
    if node.kind == V:
        reader.fail("a number, as mass(...) of a particle is,", "a particle")
    return node


def _sum_of(nodes: Sequence[Node]) -> Node:
    def value(env):
        vectors = [node.value(env) for node in nodes]
        total = sum((v.total for v in vectors[1:]), vectors[0].total)
        return Vector(
            total, tuple(part for v in vectors for part in v.parts) if all(v.parts for v in vectors) else ()
        )

    return Node(V, "GeV", _union(nodes), value)


def _union(nodes: Sequence[Node]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(leaf for node in nodes for leaf in node.leaves))


OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


class _Reader:
    """Recursive descent over one text; ``at`` is the place that is read next."""

    def __init__(self, text: str, names: Mapping[str, Node]):
        self.text, self.at, self.names = text, 0, names
        self.longest = sorted(names, key=len, reverse=True)

    def rest(self) -> str:
        self.at += len(self.text[self.at :]) - len(self.text[self.at :].lstrip())
        return self.text[self.at :]

    def fail(self, expected: str, found: str = ""):
        found = found or (repr(self.rest()[:20]) if self.rest() else "its end")
        raise InputError(f"observable {self.text!r}: expected {expected} at character {self.at}, found {found}")

    def take(self, *symbols: str) -> str:
        rest = self.rest()
        found = next((symbol for symbol in symbols if rest.startswith(symbol)), "")
        self.at += len(found)
        return found

    def sum(self) -> Node:
        node = self.product()
        while symbol := self.take("+", "-"):
            node = self.combine(symbol, node, self.product())
        return node

    def product(self) -> Node:
        node = self.atom()
        while symbol := self.take("*", "/"):
            node = self.combine(symbol, node, self.atom())
        return node

    def combine(self, symbol: str, a: Node, b: Node) -> Node:
        if a.kind != b.kind or (a.kind == V and symbol in "*/"):
            self.fail(f"two numbers, or two particles to add, for {symbol!r}", f"{a.kind} {symbol} {b.kind}")
        if a.kind == V and symbol == "+":
            return _sum_of([a, b])
        if a.kind == V:
            return Node(V, "GeV", _union([a, b]), lambda env: Vector(a.value(env).total - b.value(env).total))
        apply = OPERATORS[symbol]
        kept = a.unit if a.unit == b.unit else a.unit or b.unit
        unit = {"/": "" if a.unit == b.unit else a.unit if not b.unit else f"{a.unit}/{b.unit}"}.get(symbol, kept)
        if symbol == "*" and a.unit and b.unit:
            unit = f"{a.unit} {b.unit}"
        return Node(N, unit, _union([a, b]), lambda env: apply(a.value(env), b.value(env)))

    def atom(self) -> Node:
        rest = self.rest()
        call = re.match(r"([A-Za-z]\w*)\s*\(", rest)
        if call and call[1] in FUNCTIONS:
            self.at += call.end()
            return self.call(call[1])
        for name in self.longest:
            following = rest[len(name) : len(name) + 1]
            if rest.startswith(name) and not (re.match(r"\w", name[-1:]) and re.match(r"\w", following)):
                self.at += len(name)
                return self.names[name]
        if number := re.match(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", rest):
            self.at += number.end()
            return Node(N, "", (), lambda env: float(number[0]))
        if self.take("("):
            node = self.sum()
            if not self.take(")"):
                self.fail("')'")
            return node
        if self.take("-"):
            node = self.atom()
            if node.kind == V:
                self.fail("a number after '-'", "a particle")
            return node._replace(value=lambda env: -node.value(env))
        known = ", ".join([*self.names, *(f"{name}()" for name in FUNCTIONS)])
        self.fail(f"one of {known}")

    def call(self, name: str) -> Node:
        function = FUNCTIONS[name]
        nodes = [self.sum()]
        while self.take(","):
            nodes.append(self.sum())
        if not self.take(")"):
            self.fail("')' or ','")
        if tuple(node.kind for node in nodes) != function.takes:
            self.fail(f"{name}({', '.join(function.takes)})", ", ".join(node.kind for node in nodes))
        unit = nodes[0].unit if function.unit == "same" else function.unit
        return Node(N, unit, _union(nodes), lambda env: function.apply(*(node.value(env) for node in nodes)))
