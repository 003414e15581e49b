"""What methods of continuous flows share: networks of velocity and condition, draws and densities by the ODE."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxunfold import networks
from jaxunfold.bijections.ode import Ode, ode
from jaxunfold.losses.likelihood import standard_normal_log_prob
from jaxunfold.methods.eventwise import over_draws, over_events
from jaxunfold.training.descent import State
from jaxunfold.types import Batch, Spec, Unfolded


class Flow(NamedTuple):
    """start: (key, batch) -> params. context: (params, reco of one event) -> context, once per event.
    velocity: (params, x [d], t [], context) -> [d]. ode: its bijection.
    unfold, log_prob, push: as of ``Method``, with the running mean of the weights.
    """

    start: Callable
    context: Callable
    velocity: Callable
    ode: Ode
    unfold: Callable
    log_prob: Callable
    push: Callable


def build_flow(
    spec: Spec, *, velocity: Mapping, condition: Mapping, activation: str, solver: Mapping, probes: int
) -> Flow:
    """Networks and ODE of a continuous flow.

    Args: See ``methods.flow_matching.build``.
    """
    encoder = networks.build_encoder(spec, activation=activation, **condition)
    net = networks.build_velocity(spec, encoder.size, activation=activation, **velocity)

    def speed(params, x, t, ctx):
        return net.apply(params["velocity"], x, t, ctx)

    flow = ode(speed, dict(solver), probes)

    def start(key, batch: Batch):
        velocity_key, condition_key = jax.random.split(key)
        return {"velocity": net.init(velocity_key), "condition": encoder.init(condition_key)}

    def context(params, reco):
        return net.context(params["velocity"], encoder.apply(params["condition"], reco), reco)

    def push(state: State, latents, reco):
        def pull(z, ctx):
            return flow.draw(state.ema, z, ctx)

        return over_draws(pull, latents, reco, partial(context, state.ema))

    def unfold(key, state: State, reco, num_draws: int) -> Unfolded:
        keys = jax.random.split(key, reco.features.shape[0])
        latents = jax.vmap(lambda key: jax.random.normal(key, (num_draws, spec.dim)))(keys)
        return Unfolded(push(state, latents, reco), jnp.zeros(latents.shape[:2]))

    def log_prob(state: State, truth, reco):
        def one(x, reco, key):
            z, log_det = flow.forward(state.ema, x, context(state.ema, reco), key)
            return standard_normal_log_prob(z) + log_det

        # probes of an estimated trace: the same ones at every call
        keys = jax.random.split(jax.random.key(0), truth.shape[0])
        return over_events(one, (truth, reco, keys))

    return Flow(start, context, speed, flow, unfold, log_prob, push)
