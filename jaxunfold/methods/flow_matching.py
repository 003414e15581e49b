r"""Conditional flow matching: a velocity field learned by regression carries a normal latent to truth given reco.

Lipman et al., arXiv:2210.02747, with the optimal-transport path of its Eqs. (22) and (23); for posteriors Wildberger
et al., arXiv:2305.17161. The latent is at t = 0, truth at t = 1.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from jaxunfold.losses.interpolation import path, sample_times
from jaxunfold.methods.continuous import build_flow
from jaxunfold.training.descent import State, descent
from jaxunfold.types import Batch, Method, Spec


def build(
    spec: Spec,
    optimizer: optax.GradientTransformation,
    *,
    velocity: Mapping,
    condition: Mapping,
    solver: Mapping,
    activation: str = "silu",
    time_power: float = 0.0,
    sigma_min: float = 0.0,
    probes: int = 0,
    ema: float = 0.0,
) -> Method:
    """Flow matching as a method.

    Args:
      spec: The problem. optimizer: An optax transformation.
      velocity: Options of ``networks.build_velocity``.
      condition: Options of ``networks.build_encoder``: the network that reads the measured event.
      solver: Options of ``bijections.ode.make_solve``, for draws and densities.
      activation: Of all networks.
      time_power: See ``sample_times``; above -1.
      sigma_min: See ``path``; in [0, 1).
      probes: Of the trace in ``log_prob``; 0 for the exact one. See ``bijections.ode.ode``.
      ema: Decay of the running mean of the weights; 0 keeps the last weights.
    Raises: ValueError if an option is unknown or out of range.
    """
    if time_power <= -1:
        raise ValueError(f"time_power: expected more than -1, got {time_power}")
    if not 0 <= sigma_min < 1:
        raise ValueError(f"sigma_min: expected at least 0 and less than 1, got {sigma_min}")
    flow = build_flow(
        spec, velocity=velocity, condition=condition, activation=activation, solver=solver, probes=probes
    )

    def squared_error(params, batch: Batch, key):
        """Of each event, per coordinate: [n]."""
        latent_key, time_key = jax.random.split(key)
        latent = jax.random.normal(latent_key, batch.truth.shape)
        times = sample_times(time_key, len(batch.truth), time_power)

        def one(latent, truth, reco, t):
            x, target = path(latent, truth, t, sigma_min)
            return jnp.mean((flow.velocity(params, x, t, flow.context(params, reco)) - target) ** 2)

        return jax.vmap(one)(latent, batch.truth, batch.reco, times)

    def terms(params, batch: Batch, key):
        return jnp.mean(batch.weight * squared_error(params, batch, key)), {}

    init, step = descent(flow.start, terms, optimizer, ema)

    def evaluate(state: State, batch: Batch, key):
        return {"loss": jnp.mean(batch.weight * squared_error(state.ema, batch, key))}

    def fit(key, loop):
        return loop("flow_matching", init, step, evaluate)

    return Method(
        fit, flow.unfold, flow.log_prob, init, step, evaluate, push=flow.push, latent_dim=spec.dim, each=squared_error
    )
