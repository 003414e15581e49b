"""A flow from a few words of a config: blocks of (mixing, normaliser, layer) under one scan."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxunfold.bijections.affine import (
    actnorm,
    affine_coupling,
    global_affine,
    glow_block,
    realnvp_coupling,
    reversible_block,
)
from jaxunfold.bijections.autoregressive import inverse_autoregressive, masked_autoregressive
from jaxunfold.bijections.base import Bijection
from jaxunfold.bijections.chain import chain, inverted, repeat, subset
from jaxunfold.bijections.permutation import permutation
from jaxunfold.bijections.planar import planar
from jaxunfold.bijections.quantile_map import quantile_map
from jaxunfold.bijections.radial import radial
from jaxunfold.bijections.residual import residual
from jaxunfold.bijections.rotation import lu, rotation
from jaxunfold.bijections.spline import angle_of_score, circular_coupling, spline_coupling
from jaxunfold.bijections.tails import tails as logarithmic_tails

LAYERS = {
    "affine": affine_coupling,
    "realnvp": realnvp_coupling,
    "glow": glow_block,
    "reversible": reversible_block,
    "spline": spline_coupling,
    "circular": circular_coupling,
    "autoregressive": masked_autoregressive,
    "inverse_autoregressive": inverse_autoregressive,
    "planar": planar,
    "radial": radial,
    "residual": residual,
}
"""(dim, cond, **options) -> Bijection: what is conditional in a block."""

MIXING = {"permutation": permutation, "rotation": rotation, "lu": lu}
NORMALISERS = {"affine": global_affine, "actnorm": actnorm}
ONE_SIDED = ("affine", "realnvp", "spline")
"""Layers that leave the first half alone, and so need a mixing."""


def build_flow(
    dim: int,
    cond: int,
    *,
    layer: str = "spline",
    blocks: int = 10,
    mixing: str = "permutation",
    normalise: str = "affine",
    gaussianise: bool = False,
    angles: Sequence[int] = (),
    scored_angles: bool = False,
    tails: float = 0.0,
    **options,
) -> Bijection:
    """Equal blocks of a mixing, a normaliser and a conditional layer, with parameters of their own each.

    Args:
      dim: Components of an event. cond: size of the condition.
      layer: A key of ``LAYERS``. blocks: how many.
      mixing: A key of ``MIXING``, or "none". normalise: a key of ``NORMALISERS``, or "none".
      gaussianise: Put the quantile map of the first batch in front.
      angles: Places of the components that live on a circle; layer "circular" only. Mixing then permutes angles
        among themselves and the others among themselves, the normaliser leaves angles alone, and at the end a
        uniform angle becomes a normal latent.
      scored_angles: Angles come as normal scores of a uniform angle, as quantile scaling makes them, not modulo a
        period.
      tails: Components beyond +- this are drawn with logarithmic tails: see ``tails.tails``; 0 leaves them. For
        layers without a bound of their own.
      options: Of the layer and of the network in it.
    Raises: ValueError if something is unknown or does not fit.
    """
    _one_of("layer", layer, LAYERS)
    _one_of("mixing", mixing, (*MIXING, "none"))
    _one_of("normalise", normalise, (*NORMALISERS, "none"))
    if blocks < 1:
        raise ValueError(f"blocks: expected at least 1, got {blocks}")
    if mixing == "none" and layer in ONE_SIDED:
        raise ValueError(
            f"mixing: expected one of {', '.join(MIXING)} for layer {layer!r}, which leaves half of the "
            "components alone, got 'none'"
        )
    if (layer == "circular") != bool(len(angles)):
        raise ValueError(
            f"angles: expected some for layer 'circular' and none for others, got {tuple(angles)} for {layer!r}"
        )
    if len(angles):
        if tails:
            raise ValueError(f"tails: expected 0 with angles, got {tails}")
        return _circular_flow(dim, cond, blocks, mixing, normalise, gaussianise, angles, scored_angles, options)
    parts = [MIXING[mixing](dim)] if mixing in MIXING else []
    parts += [NORMALISERS[normalise](dim)] if normalise in NORMALISERS else []
    stack = repeat(chain(*parts, LAYERS[layer](dim, cond, **options)), blocks)

    def init(key):
        first, *rest = stack.init(key)
        if mixing in MIXING:
            first = {**first, "rank": _every_second_swaps_halves(first["rank"])}
        return (first, *rest)

    flow = stack._replace(init=init)
    before = [quantile_map(dim)] if gaussianise else []
    before += [logarithmic_tails(dim, tails)] if tails else []
    return chain(*before, flow) if before else flow


def _circular_flow(dim, cond, blocks, mixing, normalise, gaussianise, angles, scored_angles, options):
    """Maps of a torus times a space of lines: nothing in a block mixes angles with the others but the networks."""
    if mixing not in ("permutation", "none"):
        raise ValueError(f"mixing: expected 'permutation' or 'none' with angles, got {mixing!r}")
    layer = circular_coupling(dim, cond, angles=angles, **options)
    lines = np.setdiff1d(np.arange(dim), angles)
    kinds = [kind for kind in (lines, angles) if len(kind)]
    parts = [subset(permutation(len(kind)), kind) for kind in kinds] if mixing == "permutation" else []
    if normalise in NORMALISERS and len(lines):
        parts.append(subset(NORMALISERS[normalise](len(lines)), lines))
    flow = repeat(chain(*parts, layer), blocks)
    to_angle = subset(angle_of_score(len(angles), options.get("half_period", np.pi)), angles)
    before = [subset(quantile_map(len(lines)), lines)] if gaussianise and len(lines) else []
    before += [to_angle] if scored_angles else []
    return chain(*before, flow, inverted(to_angle))


def _one_of(name, value, known):
    if value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")


def _every_second_swaps_halves(rank):
    """Permutations [blocks, dim], every second one made to swap the halves that its predecessor leaves.

    Every component is then transformed once in each pair of blocks; with random permutations alone some are
    transformed in two of ten blocks, and a few in none.
    """
    blocks, dim = rank.shape
    swap = jnp.roll(jnp.arange(dim, dtype=rank.dtype), dim // 2)
    return jnp.where(jnp.arange(blocks)[:, None] % 2 == 1, swap, rank)
