"""A normalizing flow on weighted events: maximum likelihood under any base of explicit density."""

import jax
import jax.numpy as jnp
import optax

from jaxunfold.bijections.flows import build_flow
from jaxunfold.errors import InputError
from jaxunfold.refinement.generator import Base, Generator, Sample, normal
from jaxunfold.training.descent import descent


def flow(
    dim: int,
    optimizer: optax.GradientTransformation,
    *,
    cond: int = 0,
    base: Base | None = None,
    ema: float = 0.0,
    decay: float = 0.0,
    **options,
) -> Generator:
    """A flow as a generator.

    Args:
      dim: Components of an event. optimizer: An optax transformation. cond: Size of the condition.
      base: What latents come from; None for a standard normal.
      ema: Decay of the running mean of the weights. decay: Factor of half the weights' square norm in the loss.
      options: Of ``bijections.flows.build_flow``.
    Raises: InputError for a base without explicit density, of another dimension, or a layer without an inverse.
    """
    base = normal(dim) if base is None else base
    if base.log_prob is None:
        raise InputError("flow: expected a base of explicit density, found one that can only be drawn from")
    if base.dim != dim:
        raise InputError(f"flow: expected a base of {dim} dimensions, found {base.dim}")
    bijection = build_flow(dim, cond, **options)
    if bijection.inverse is None:
        raise InputError("flow: expected a layer with an inverse, found one without")

    def log_density(params, x, cond):
        z, log_det = bijection.forward(params, x, bijection.context(params, cond))
        return base.log_prob(z) + log_det

    def start(key, batch):
        return bijection.init(key)

    def terms(params, batch: Sample, key):
        each = jax.vmap(log_density, (None, 0, 0))(params, batch.x, batch.cond)
        loss = -jnp.sum(batch.weight * each) / jnp.sum(batch.weight)
        if decay:
            loss = loss + 0.5 * decay * optax.tree_utils.tree_l2_norm(params, squared=True)
        return loss, {}

    begin, step = descent(start, terms, optimizer, ema)

    def generate(state, latent, cond):
        return bijection.inverse(state.ema, latent, bijection.context(state.ema, cond))[0]

    return Generator(
        lambda key: begin(key, None), step, generate, lambda state, x, cond: log_density(state.ema, x, cond), base
    )
