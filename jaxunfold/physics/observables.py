"""The canonical observables of a process: pT and eta of every leaf, mass and pT of every resonance."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxunfold.physics import fourvectors as fv


def leaves_of(name: str, resonances: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The leaves below one node of a decay tree; a leaf is its own."""
    if name not in resonances:
        return (name,)
    return tuple(leaf for child in resonances[name] for leaf in leaves_of(child, resonances))


def pair_mass(p: Float[Array, "*n 4"], q: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """Invariant mass of p + q, from the angle between them: no cancellation for light particles in float32."""
    energies = 2 * p[..., 0] * q[..., 0]
    np_, nq = p[..., 1:] / p[..., :1], q[..., 1:] / q[..., :1]
    beta_p, beta_q = jnp.sum(np_**2, -1), jnp.sum(nq**2, -1)
    # 1 - n.n' = (|n - n'|^2 + (1 - n^2) + (1 - n'^2)) / 2 keeps the small angles that 1 - cos loses
    opening = 0.5 * jnp.sum((np_ - nq) ** 2, -1) + 0.5 * (1 - beta_p) + 0.5 * (1 - beta_q)
    m2 = energies * opening + jnp.maximum(fv.mass_squared(p), 0) + jnp.maximum(fv.mass_squared(q), 0)
    return jnp.sqrt(jnp.maximum(m2, fv.TINY))


def observables(
    momenta: Float[Array, "*n p 4"], labels: Sequence[str], resonances: Mapping[str, Sequence[str]]
) -> dict[str, Array]:
    """Canonical observables of momenta, in GeV and units of rapidity.

    Args:
      momenta: Particles (E, px, py, pz) in GeV.
      labels: Name of each particle, [p].
      resonances: Name of each resonance and its children, e.g. {"ll": ("e-", "e+"), "jj": ("q1", "q2")}.
    Returns: {"pt_e-": [*n], "eta_e-": [*n], ..., "m_ll": [*n], "pt_ll": [*n], ...} in this order.
    """
    index = {label: i for i, label in enumerate(labels)}
    out = {}
    for label, i in index.items():
        out[f"pt_{label}"] = fv.pt(momenta[..., i, :])
        out[f"eta_{label}"] = fv.eta(momenta[..., i, :])
    for name in resonances:
        leaves = [momenta[..., index[leaf], :] for leaf in leaves_of(name, resonances)]
        total = sum(leaves[1:], leaves[0])
        out[f"m_{name}"] = pair_mass(*leaves) if len(leaves) == 2 else fv.mass(total)
        out[f"pt_{name}"] = fv.pt(total)
    return out
