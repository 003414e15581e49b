"""Integrands on the unit hypercube with known values; they need jax and the phase space alone.

The four-dimensional camel of arXiv:2001.05486, Eq. (24); a Breit-Wigner ridge along the diagonal of a square; four
massless particles with two Breit-Wigner resonances and cuts on their masses and polar angle, in the eight numbers of
RAMBO on diet.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics import phase_space

SIGMA, GAMMA = 0.2, 0.01
ENERGY, MASSES, WIDTHS, LOWEST, COS_MAX = 300.0, (91.2, 80.4), (10.0, 10.0), 40.0, 0.8


def camel(x):
    """Two Gaussian humps on the diagonal, [n, 4]."""
    humps = sum(jnp.exp(-jnp.sum((x - centre) ** 2, -1) / SIGMA**2) for centre in (1 / 3, 2 / 3))
    return 0.5 * humps / (SIGMA * math.sqrt(math.pi)) ** x.shape[1]


def camel_value(dim=4):
    """In error functions."""
    one = 0.5 * (math.erf(1 / (3 * SIGMA)) + math.erf(2 / (3 * SIGMA)))
    return one**dim


def ridge(x):
    """A Breit-Wigner in the difference of two coordinates: no product of functions of one."""
    return GAMMA / math.pi / ((x[:, 0] - x[:, 1]) ** 2 + GAMMA**2)


def ridge_value():
    """In closed form."""
    return 2 / math.pi * (math.atan(1 / GAMMA) - 0.5 * GAMMA * math.log(1 + 1 / GAMMA**2))


def breit_wigner(s, mass, width):
    """In s, of unit area."""
    return mass * width / math.pi / ((s - mass**2) ** 2 + (mass * width) ** 2)


def four_body(x):
    """Particles 1, 2 and 3, 4 from resonances; both masses above a cut, the first pair's polar angle within one."""
    p = jax.vmap(lambda row: phase_space.massless(row, ENERGY))(x)
    pairs = p[:, 0] + p[:, 1], p[:, 2] + p[:, 3]
    value = phase_space.volume(4, ENERGY)
    for pair, mass, width in zip(pairs, MASSES, WIDTHS):
        s = fv.mass_squared(pair)
        value = value * jnp.where(s > LOWEST**2, breit_wigner(s, mass, width), 0.0)
    cos = pairs[0][:, 3] / jnp.linalg.norm(pairs[0][:, 1:], axis=-1)
    return jnp.where(jnp.abs(cos) < COS_MAX, value, 0.0)


def four_body_value(num=1500):
    """Two-body phase spaces one inside the other, the masses by quadrature in the resonances' own angle."""
    nodes, weight = np.polynomial.legendre.leggauss(num)

    def axis(mass, width):
        low, high = (math.atan((s - mass**2) / (mass * width)) for s in (LOWEST**2, ENERGY**2))
        angle = 0.5 * (high - low) * nodes + 0.5 * (high + low)
        return mass**2 + mass * width * np.tan(angle), 0.5 * (high - low) * weight / math.pi

    (a, wa), (b, wb) = (axis(*pair) for pair in zip(MASSES, WIDTHS))
    s = ENERGY**2
    root = np.sqrt(a)[:, None] + np.sqrt(b) < ENERGY
    triangle = (1 - a[:, None] / s - b / s) ** 2 - 4 * a[:, None] * b / s**2
    two = np.where(root, np.sqrt(np.maximum(triangle, 0.0)), 0.0) / (8 * math.pi)
    return COS_MAX * float(wa @ two @ wb) / (2 * math.pi) ** 2 / (8 * math.pi) ** 2


INTEGRANDS = {
    "camel, 4 dimensions": (camel, 4, camel_value),
    "Breit-Wigner ridge": (ridge, 2, ridge_value),
    "2 to 4 with cuts": (four_body, 8, four_body_value),
}
