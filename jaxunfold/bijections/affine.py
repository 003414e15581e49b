"""Affine couplings, x exp(s) + t given other components and the condition, and the affine maps that need neither.

All-in-one, thesis section 2.4.1: one half of the components, the soft clamp and global affine of Ardizzone et al.,
arXiv:1907.02392. RealNVP, Dinh et al., arXiv:1605.08803: s bounded by tanh. Two-sided, thesis Eq. (2.22), and its
additive form, the reversible residual block of Eqs. (1.25), (1.26). Activation normalisation: Kingma and Dhariwal,
arXiv:1807.03039, section 3.1.
"""

from collections.abc import Sequence

import jax.numpy as jnp

from jaxunfold.bijections.base import Bijection, no_context
from jaxunfold.bijections.coupling import coupling, two_sided


def soft_clamp(s, clamp: float):
    """A smooth bound |s| < clamp with unit slope at zero: (2 clamp / pi) arctan(pi s / (2 clamp))."""
    return (2 * clamp / jnp.pi) * jnp.arctan(jnp.pi * s / (2 * clamp))


def tanh_clamp(s, clamp: float):
    """RealNVP's bound |s| < clamp with unit slope at zero: clamp tanh(s / clamp)."""
    return clamp * jnp.tanh(s / clamp)


CLAMPS = {"arctan": soft_clamp, "tanh": tanh_clamp}


def affine_coupling(
    dim: int,
    cond: int,
    clamp: float = 2.0,
    kind: str = "arctan",
    moved: Sequence[int] | None = None,
    **network,
) -> Bijection:
    """Second half x exp(s) + t with s, t from the first half and the condition; s softly clamped.

    Args:
      dim: Components of an event. cond: size of the condition.
      clamp: Bound on |s|; exp(2 clamp) is the largest relative stretch of one block.
      kind: Its form, a key of ``CLAMPS``.
      moved: The components that are transformed; None for the second half.
      network: Options of ``networks.conditioner``.
    Raises: ValueError if dim < 2, clamp <= 0 or the kind is unknown.
    """
    if kind not in CLAMPS:
        raise ValueError(f"kind: expected one of {', '.join(CLAMPS)}, got {kind!r}")
    if clamp <= 0:
        raise ValueError(f"clamp: expected a positive number, got {clamp}")
    bounded = CLAMPS[kind]

    def transform(x, theta):
        s, t = bounded(theta[..., 0], clamp), theta[..., 1]
        return x * jnp.exp(s) + t, s

    def inverse_transform(z, theta):
        s, t = bounded(theta[..., 0], clamp), theta[..., 1]
        return (z - t) * jnp.exp(-s), -s

    return coupling(dim, cond, 2, transform, inverse_transform, moved, **network)


def realnvp_coupling(dim: int, cond: int, clamp: float = 2.0, **network) -> Bijection:
    """RealNVP's coupling: s through a tanh, of scale clamp. Its flow has no global affine: ``normalise="none"``."""
    return affine_coupling(dim, cond, clamp, "tanh", **network)


def glow_block(dim: int, cond: int, clamp: float = 2.0, **network) -> Bijection:
    """Both halves x exp(s) + t in one block, thesis Eq. (2.22): the first given the second, then the reverse."""
    return two_sided(dim, cond, affine_coupling, clamp=clamp, **network)


def additive_coupling(dim: int, cond: int, moved: Sequence[int] | None = None, **network) -> Bijection:
    """Second half x + t, given the first half and the condition; log_det is zero."""

    def transform(x, theta):
        return x + theta[..., 0], jnp.zeros_like(x)

    def inverse_transform(z, theta):
        return z - theta[..., 0], jnp.zeros_like(z)

    return coupling(dim, cond, 1, transform, inverse_transform, moved, **network)


def reversible_block(dim: int, cond: int, **network) -> Bijection:
    """Reversible residual block: y1 = x1 + f(x2), y2 = x2 + l(y1), thesis Eqs. (1.25) and (1.26).

    Gomez et al., arXiv:1707.04585. Two triangular maps with a unit diagonal: volume is preserved, so a flow of these
    alone needs a normaliser to change it.
    """
    return two_sided(dim, cond, additive_coupling, **network)


def global_affine(dim: int) -> Bijection:
    """A learned scale exp(s) and bias b of every component, the same for all events: z = x exp(s) + b."""

    def init(key):
        return {"log_scale": jnp.zeros(dim), "bias": jnp.zeros(dim)}

    def forward(params, x, ctx):
        return x * jnp.exp(params["log_scale"]) + params["bias"], jnp.sum(params["log_scale"])

    def inverse(params, z, ctx):
        return (z - params["bias"]) * jnp.exp(-params["log_scale"]), -jnp.sum(params["log_scale"])

    return Bijection(init, no_context, forward, inverse)


def actnorm(dim: int) -> Bijection:
    """Global affine that starts with zero mean and unit width of every component on the first batch."""

    def start(params, x, ctx):
        mean, width = jnp.mean(x, axis=0), jnp.std(x, axis=0)
        # a batch of one event, or a constant component, says nothing about the width
        scale = 1 / jnp.where(width > 1e-6 * (1 + jnp.abs(mean)), width, 1.0)
        return {"log_scale": jnp.log(scale), "bias": -mean * scale}

    return global_affine(dim)._replace(start=start)
