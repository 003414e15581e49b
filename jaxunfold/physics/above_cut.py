r"""Coordinates in which a cut on transverse momentum is no hole: log(pT - cut) of each particle that has one.

The px-py plane without a disk is the line of log(pT - cut) times a circle. Azimuths count from the first such
particle, for the others with the seam where they point the same way, which jets of their own never do; particles
without a cut have their px and py along and across that particle's.
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv

CLOSEST = 1e-4
"""GeV above the cut, at least: what float32 tells apart."""


def names(labels: Sequence[str], cuts: Mapping[str, float]) -> tuple[str, ...]:
    """Of the coordinates, three for each particle."""
    out, first = [], next(iter(label for label in labels if label in cuts))
    for label in labels:
        if label not in cuts:
            out += [f"along_{label}", f"across_{label}", f"pz_{label}"]
        else:
            out += [f"log_above_{label}", f"eta_{label}", f"phi_{label}" if label == first else f"dphi_{label}"]
    return tuple(out)


def maps(labels: Sequence[str], cuts: Mapping[str, float], masses: Mapping[str, float] | None):
    """(encode, decode) of one event's momenta [p, 4]; encode also gives log|dx / d three-momenta|.

    Args:
      labels: Of the particles. cuts: Least transverse momentum in GeV of those that have one. masses: In GeV; 0 where
        not given.
    Raises: InputError for an unknown label, or where no particle has a cut.
    """
    if not cuts or set(cuts) - set(labels):
        raise InputError(f"coordinates.cuts: expected some of {tuple(labels)}, found {tuple(cuts)}")
    hard = np.array([label in cuts for label in labels])
    first = int(np.argmax(hard))
    cut = jnp.asarray([cuts.get(label, 0.0) for label in labels], jnp.float32)
    shell = jnp.asarray([(masses or {}).get(label, 0.0) for label in labels], jnp.float32)
    # the first particle's azimuth is its own
    turn = jnp.where(jnp.arange(len(labels)) == first, 0.0, jnp.pi)

    def encode(p):
        phi = fv.phi(p)
        above = jnp.maximum(fv.pt(p) - cut, CLOSEST)
        delta = fv.wrap_angle(phi - phi[first] + turn).at[first].set(phi[first])
        c, s = jnp.cos(phi[first]), jnp.sin(phi[first])
        turned = jnp.stack([c * p[:, 1] + s * p[:, 2], c * p[:, 2] - s * p[:, 1], p[:, 3]], -1)
        x = jnp.where(hard[:, None], jnp.stack([jnp.log(above), fv.eta(p), delta], -1), turned)
        # d^3p = pT^2 cosh(eta) dpT deta dphi, and |p| = pT cosh(eta)
        log_volume = 2 * jnp.log(fv.pt(p)) + jnp.log(jnp.cosh(fv.eta(p))) + jnp.log(above)
        return x.reshape(-1), -jnp.sum(jnp.where(hard, log_volume, 0.0))

    def decode(x):
        x = x.reshape(-1, 3)
        start = x[first, 2]
        phi = (x[:, 2] + start - turn).at[first].set(start)
        pt = cut + jnp.exp(jnp.where(hard, x[:, 0], 0.0))
        jets = jnp.stack([pt * jnp.cos(phi), pt * jnp.sin(phi), pt * jnp.sinh(jnp.where(hard, x[:, 1], 0.0))], -1)
        c, s = jnp.cos(start), jnp.sin(start)
        others = jnp.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1], x[:, 2]], -1)
        three = jnp.where(hard[:, None], jets, others)
        return jnp.concatenate([jnp.sqrt(jnp.sum(three**2, -1) + shell**2)[:, None], three], -1)

    return encode, decode
