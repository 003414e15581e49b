r"""Massless n-body phase space as a map of the unit hypercube with a constant Jacobian.

Plaetzer, *RAMBO on diet*, arXiv:1308.2922: 3 n - 4 random numbers, those of two-body decays one after the other,
whose intermediate masses M_i follow from u_i = (M_i / M_{i-1}), with

.. math:: v_i = (n + 1 - i) u_i^{2 (n - i)} - (n - i) u_i^{2 (n + 1 - i)}.
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

BISECTIONS = 40


def volume(n: int, energy: float) -> float:
    """Phase space of n massless particles, [energy^(2n - 4)]: (pi/2)^(n-1) s^(n-2) (2 pi)^(4-3n) / (n-1)! (n-2)!."""
    s = energy**2
    return (
        (math.pi / 2) ** (n - 1)
        * s ** (n - 2)
        * (2 * math.pi) ** (4 - 3 * n)
        / (math.factorial(n - 1) * math.factorial(n - 2))
    )


def mass_fractions(v: Float[Array, " k"]) -> Float[Array, " k"]:
    """u_i of v_i, i = 2 ... n - 1, by bisection: the polynomial rises from 0 to 1 on [0, 1]."""
    n = v.shape[0] + 2
    left = n - jnp.arange(2, n)  # n - i

    low, high = jnp.zeros_like(v), jnp.ones_like(v)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        square = middle**2
        below = square**left * (left + 1 - left * square) < v
        low, high = jnp.where(below, middle, low), jnp.where(below, high, middle)
    return 0.5 * (low + high)


def boost(p: Float[Array, " 4"], frame: Float[Array, " 4"], mass: Float[Array, ""]) -> Float[Array, " 4"]:
    """p brought from the rest frame of ``frame`` to where that is given."""
    dot = jnp.sum(frame[1:] * p[1:])
    energy = (frame[0] * p[0] + dot) / mass
    return jnp.concatenate([energy[None], p[1:] + (p[0] + energy) / (frame[0] + mass) * frame[1:]])


def massless(x: Float[Array, " d"], energy: float) -> Float[Array, "n 4"]:
    """Momenta (E, px, py, pz) of n massless particles with total (energy, 0, 0, 0), from d = 3 n - 4 numbers.

    The Jacobian is ``volume(n, energy)``, the same for every x in the unit hypercube.
    """
    n = (x.shape[0] + 4) // 3
    u = mass_fractions(x[: n - 2])
    mass = energy * jnp.concatenate([jnp.ones(1), jnp.cumprod(u), jnp.zeros(1)])
    cos, phi = 2 * x[n - 2 : 2 * n - 3] - 1, 2 * jnp.pi * x[2 * n - 3 :]
    sin = jnp.sqrt(jnp.maximum(1 - cos**2, 0.0))
    out, parent = [], jnp.concatenate([jnp.full(1, energy), jnp.zeros(3)])
    for i in range(n - 1):
        # the parent of mass M decays to a massless particle and the rest of mass M'
        momentum = (mass[i] ** 2 - mass[i + 1] ** 2) / (2 * mass[i])
        direction = jnp.stack([sin[i] * jnp.cos(phi[i]), sin[i] * jnp.sin(phi[i]), cos[i]])
        particle = momentum * jnp.concatenate([jnp.ones(1), direction])
        particle = boost(particle, parent, mass[i])
        out.append(particle)
        parent = parent - particle
    return jnp.stack([*out, jnp.concatenate([jnp.linalg.norm(parent[1:])[None], parent[1:]])])
