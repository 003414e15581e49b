"""Four-vectors (E, px, py, pz) in GeV, with formulas that stay accurate in float32.

Every function takes and returns arrays with any leading shape; the last axis of a four-vector has size 4.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

TINY = 1e-12


def pt(p: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """Transverse momentum in GeV, with a finite gradient at zero."""
    return jnp.sqrt(jnp.maximum(p[..., 1] ** 2 + p[..., 2] ** 2, TINY))


def phi(p: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """Azimuth in (-pi, pi]."""
    return jnp.arctan2(p[..., 2], p[..., 1])


def eta(p: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """Pseudorapidity, asinh(pz / pT)."""
    return jnp.arcsinh(p[..., 3] / pt(p))


def mass_squared(p: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """E^2 - |p|^2 in GeV^2, not clipped: rounding can make it slightly negative."""
    momentum = jnp.sqrt(jnp.maximum(jnp.sum(p[..., 1:] ** 2, axis=-1), TINY))
    return (p[..., 0] - momentum) * (p[..., 0] + momentum)


def mass(p: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """Invariant mass in GeV, zero where rounding makes E^2 < |p|^2."""
    return jnp.sqrt(jnp.maximum(mass_squared(p), TINY))


def pair_mass(p: Float[Array, "*n 4"], q: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """Invariant mass of p + q, from the angle between them: no cancellation for light particles in float32."""
    energies = 2 * p[..., 0] * q[..., 0]
    np_, nq = p[..., 1:] / p[..., :1], q[..., 1:] / q[..., :1]
    beta_p, beta_q = jnp.sum(np_**2, -1), jnp.sum(nq**2, -1)
    # 1 - n.n' = (|n - n'|^2 + (1 - n^2) + (1 - n'^2)) / 2 keeps the small angles that 1 - cos loses
    opening = 0.5 * jnp.sum((np_ - nq) ** 2, -1) + 0.5 * (1 - beta_p) + 0.5 * (1 - beta_q)
    m2 = energies * opening + jnp.maximum(mass_squared(p), 0) + jnp.maximum(mass_squared(q), 0)
    return jnp.sqrt(jnp.maximum(m2, TINY))


def transverse_mass(p: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """sqrt(m^2 + pT^2) in GeV."""
    return jnp.sqrt(jnp.maximum(mass_squared(p), 0.0) + pt(p) ** 2)


def rapidity(p: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """Rapidity, asinh(pz / sqrt(m^2 + pT^2))."""
    return jnp.arcsinh(p[..., 3] / transverse_mass(p))


def from_ptetaphim(pt, eta, phi, m=0.0) -> Float[Array, "*n 4"]:
    """Four-vector from transverse momentum, pseudorapidity, azimuth and mass.

    Example:
      >>> p = from_ptetaphim(3.0, 0.0, 0.0, 4.0)
      >>> p.tolist()
      [5.0, 3.0, 0.0, 0.0]
      >>> float(mass(p))
      4.0
    """
    pz = pt * jnp.sinh(eta)
    energy = jnp.sqrt((pt * jnp.cosh(eta)) ** 2 + m**2)
    components = (energy, pt * jnp.cos(phi), pt * jnp.sin(phi), pz)
    return jnp.stack(jnp.broadcast_arrays(*components), axis=-1)


def wrap_angle(angle: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """The same angle in (-pi, pi]."""
    return jnp.pi - jnp.mod(jnp.pi - angle, 2 * jnp.pi)


def on_shell(p: Float[Array, "*n 4"], m=0.0) -> Float[Array, "*n 4"]:
    """The same three-momentum with the energy of a particle of mass m."""
    energy = jnp.sqrt(jnp.sum(p[..., 1:] ** 2, axis=-1) + m**2)
    return jnp.concatenate([energy[..., None], p[..., 1:]], axis=-1)


def delta_r(p: Float[Array, "*n 4"], q: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """Distance in pseudorapidity and azimuth."""
    return jnp.sqrt((eta(p) - eta(q)) ** 2 + wrap_angle(phi(p) - phi(q)) ** 2 + TINY)


def decay_cosine(p: Float[Array, "*n 4"], parent: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """Cosine of the angle of p to its parent's flight, in the parent's rest frame."""
    m, momentum = mass(parent), jnp.sqrt(jnp.sum(parent[..., 1:] ** 2, -1) + TINY)
    energy = (parent[..., 0] * p[..., 0] - jnp.sum(parent[..., 1:] * p[..., 1:], -1)) / m
    along = (parent[..., 0] * jnp.sum(parent[..., 1:] * p[..., 1:], -1) / momentum - momentum * p[..., 0]) / m
    size = jnp.sqrt(jnp.maximum(energy**2 - jnp.maximum(mass_squared(p), 0), TINY))
    return jnp.clip(along / size, -1, 1)
