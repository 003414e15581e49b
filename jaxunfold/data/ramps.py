"""Densities of the plane with one flat direction, in closed form: thesis Eqs. (3.20), (3.27), (3.31).

Each is a family with a few parameters, at whose true values the points are drawn: what a fit of them would leave
uncertain is the shape of the uncertainty that the thesis finds in its Bayesian flows.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxunfold.data.events import Events, nothing_measured


class Ramp(NamedTuple):
    """A density p(u, v) of the plane that depends on u alone along lines of constant v.

    sample: (rng, n) -> points [n, 2], float32.
    density: (u [n], *parameters) -> p [n] per area of the plane, for any values of the parameters.
    parameters: {name: true value}. range: of u in figures, away from the edges, where a flow is unstable.
    points: (u [n], v in (0, 1)) -> [n, 2] in the plane.
    across: Name of u.
    """

    sample: Callable[[np.random.Generator, int], np.ndarray]
    density: Callable[..., Array]
    parameters: dict[str, float]
    range: tuple[float, float]
    points: Callable[[Array, float], Array]
    across: str = "x"


def _wedge(x, a, x_min, x_max):
    """Thesis Eq. (3.25): linear in x, with the offset that normalises it."""
    return a * x + (1 - a / 2 * (x_max**2 - x_min**2)) / (x_max - x_min)


def _quadratic(x, x_0, x_max):
    """Thesis Eq. (3.29): from its minimum at the lower end to x_max."""
    return 3 * (x - x_0) ** 2 / (x_max - x_0) ** 3


def _half_ring(r, mu, w):
    """Thesis Eq. (3.33): a normal radius over half of the circle, per area of the plane."""
    return jnp.exp(-((r - mu) ** 2) / (2 * w**2)) / (jnp.sqrt(2 * jnp.pi) * w) / (jnp.pi * r)


def _power(power: float):
    """Points with p(x) = power x^(power - 1) on [0, 1], flat in y."""

    def sample(rng, n):
        return (rng.uniform(size=(n, 2)) ** np.array([1 / power, 1.0])).astype(np.float32)

    return sample


def _on_half_ring(rng, n):
    radius, angle = rng.normal(4.0, 1.0, n), rng.uniform(0, np.pi, n)
    return _polar(np.abs(radius), angle, np).astype(np.float32)


def _polar(radius, angle, xp=jnp):
    return xp.stack([radius * xp.cos(angle), radius * xp.sin(angle)], -1)


def _cartesian(x, y):
    return jnp.stack(jnp.broadcast_arrays(x, y), -1)


RAMPS = {
    "wedge": Ramp(_power(2.0), _wedge, {"a": 2.0, "x_min": 0.0, "x_max": 1.0}, (0.05, 0.95), _cartesian),
    "quadratic": Ramp(_power(3.0), _quadratic, {"x_0": 0.0, "x_max": 1.0}, (0.05, 0.95), _cartesian),
    "half_ring": Ramp(
        _on_half_ring, _half_ring, {"mu": 4.0, "w": 1.0}, (1.5, 6.5), lambda r, v: _polar(r, jnp.pi * v), "r"
    ),
}


def simulate(name: str, num_events: int, seed: int) -> Events:
    """Points of a ramp as a table of which nothing is measured."""
    points = RAMPS[name].sample(np.random.default_rng(seed), num_events)
    about = {"process": "ramp", "density": name, "seed": seed}
    return Events(nothing_measured(points), points, truth_names=("x", "y"), attrs=about)


def crescent(rng: np.random.Generator, n: int) -> Float[np.ndarray, "n 2"]:
    """Two bumps in x, and y about x^2 / 2: smooth, with tails, nothing that a small flow could not learn. Float32."""
    left = rng.uniform(size=n) < 0.6
    x = np.where(left, rng.normal(-1.0, 0.6, n), rng.normal(1.2, 0.5, n))
    return np.stack([x, 0.5 * x**2 + rng.normal(0, 0.5, n)], -1).astype(np.float32)
