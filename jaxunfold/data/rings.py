"""Densities of the plane with holes and islands, which no continuous map makes of a normal one.

Thesis section 4.4; what its text leaves open is fixed here. Every toy is centres of equal share, around each of them
a blob or a ring.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Toy(NamedTuple):
    """centres: [k, 2]. radius, width: a point lies Normal(radius, width) from its centre at a uniform angle; radius 0
    stands for a normal blob of that width. reach: the histogram's range is +- reach, (x, y).
    """

    centres: tuple[tuple[float, float], ...]
    radius: float
    width: float
    reach: tuple[float, float]


TOYS = {
    "gaussians": Toy(((-4.0, -4.0), (-4.0, 4.0), (4.0, -4.0), (4.0, 4.0)), 0.0, 1.0, (8.0, 8.0)),
    "donut": Toy(((-4.0, 0.0), (4.0, 0.0)), 4.0, 1.0, (11.0, 7.0)),
    "rings": Toy(((-12.0, 0.0), (0.0, 0.0), (12.0, 0.0)), 4.0, 1.0, (20.0, 8.0)),
}


def sample(rng: np.random.Generator, toy: Toy, n: int) -> Float[np.ndarray, "n 2"]:
    """Points of a toy, float32."""
    centre = np.asarray(toy.centres)[rng.integers(len(toy.centres), size=n)]
    if toy.radius == 0:
        return (centre + toy.width * rng.normal(size=(n, 2))).astype(np.float32)
    radius, angle = rng.normal(toy.radius, toy.width, n), rng.uniform(0, 2 * np.pi, n)
    return (centre + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)).astype(np.float32)
