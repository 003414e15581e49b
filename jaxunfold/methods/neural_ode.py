"""A neural ODE trained by maximum likelihood of truth given reco, through the solver: FFJORD, arXiv:1810.01367.

The same map as of ``methods.flow_matching``, t = 1 at truth and 0 at the latent, and the older way to train it: each
gradient costs a solve, with the trace of the velocity's Jacobian along it.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from jaxunfold.losses.likelihood import negative_log_likelihood
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
    probes: int = 0,
    ema: float = 0.0,
) -> Method:
    """A neural ODE as a method.

    Args: As of ``methods.flow_matching.build``; the solver and the probes are those of the training as well.
    Raises: ValueError if an option is unknown or out of range.
    """
    flow = build_flow(
        spec, velocity=velocity, condition=condition, activation=activation, solver=solver, probes=probes
    )

    def each(params, batch: Batch, key):
        """-log p(truth | reco) of the events [n]; probes of each by its own key."""

        def one(x, reco, key):
            return negative_log_likelihood(*flow.ode.forward(params, x, flow.context(params, reco), key))

        return jax.vmap(one)(batch.truth, batch.reco, jax.random.split(key, len(batch.truth)))

    def nll(params, batch: Batch, key):
        return jnp.mean(batch.weight * each(params, batch, key))

    init, step = descent(flow.start, lambda params, batch, key: (nll(params, batch, key), {}), optimizer, ema)

    def evaluate(state: State, batch: Batch, key):
        return {"loss": nll(state.ema, batch, key)}

    def fit(key, loop):
        return loop("neural_ode", init, step, evaluate)

    return Method(
        fit, flow.unfold, flow.log_prob, init, step, evaluate, push=flow.push, latent_dim=spec.dim, each=each
    )
