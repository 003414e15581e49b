"""A continuous flow on weighted events, trained by flow matching.

Lipman et al., arXiv:2210.02747. The map of an ordinary differential equation is a homeomorphism like that of any
flow; it is here because its training is a regression, and so bears weights and sharp edges well.
"""

import jax
import jax.numpy as jnp
import optax

from jaxunfold import networks
from jaxunfold.bijections.ode import ode
from jaxunfold.losses.interpolation import path, sample_times
from jaxunfold.losses.likelihood import standard_normal_log_prob
from jaxunfold.refinement.generator import Generator, Sample, normal
from jaxunfold.training.descent import descent
from jaxunfold.types import Spec


def matching(
    dim: int,
    optimizer: optax.GradientTransformation,
    *,
    cond: int = 0,
    ema: float = 0.0,
    solver: dict | None = None,
    time_power: float = 0.0,
    **options,
) -> Generator:
    """Flow matching as a generator, of a standard normal.

    Args:
      dim: Components of an event. optimizer: An optax transformation. cond: Size of the condition.
      ema: Decay of the running mean of the weights. solver: Options of ``bijections.ode.make_solve``.
      time_power: See ``losses.interpolation.sample_times``.
      options: Of ``networks.build_velocity``.
    """
    net = networks.build_velocity(Spec(dim, cond, ()), cond, **options)

    def velocity(params, x, t, context):
        return net.apply(params, x, t, context)

    carry = ode(velocity, solver or {"kind": "heun", "steps": 20})

    def terms(params, batch: Sample, key):
        latent_key, time_key = jax.random.split(key)
        latent = jax.random.normal(latent_key, batch.x.shape)
        times = sample_times(time_key, len(batch.x), time_power)

        def one(latent, x, cond, t):
            at, target = path(latent, x, t)
            return jnp.mean((velocity(params, at, t, net.context(params, cond, None)) - target) ** 2)

        each = jax.vmap(one)(latent, batch.x, batch.cond, times)
        return jnp.sum(batch.weight * each) / jnp.sum(batch.weight), {}

    begin, step = descent(lambda key, batch: net.init(key), terms, optimizer, ema)

    def generate(state, latent, cond):
        return carry.draw(state.ema, latent, net.context(state.ema, cond, None))

    def log_prob(state, x, cond):
        z, log_det = carry.forward(state.ema, x, net.context(state.ema, cond, None))
        return standard_normal_log_prob(z) + log_det

    return Generator(lambda key: begin(key, None), step, generate, log_prob, normal(dim))
