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
    kinetic: float = 0.0,
    jacobian: float = 0.0,
    ema: float = 0.0,
) -> Method:
    """A neural ODE as a method.

    Args: As of ``methods.flow_matching.build``; the solver and the probes are those of the training as well.
      kinetic, jacobian: Weights of ``ode.costed`` in the loss (arXiv:2002.02798). With few steps the likelihood alone
        is a bad teacher: a velocity that the solver cannot follow has any log-determinant it likes.
    Raises: ValueError if an option is unknown or out of range.
    """
    for name, value in (("kinetic", kinetic), ("jacobian", jacobian)):
        if not value >= 0:
            raise ValueError(f"{name}: expected a number >= 0, got {value}")
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

    def costed(params, batch: Batch, key):
        def one(x, reco, key):
            z, log_det, cost = flow.ode.costed(params, x, flow.context(params, reco), key)
            return negative_log_likelihood(z, log_det), cost

        each_nll, cost = jax.vmap(one)(batch.truth, batch.reco, jax.random.split(key, len(batch.truth)))
        found = jnp.mean(batch.weight * each_nll)
        energy, norm = jnp.mean(batch.weight[:, None] * cost, axis=0)
        return found + kinetic * energy + jacobian * norm, {"nll": found, "kinetic": energy, "jacobian": norm}

    regular = kinetic > 0 or jacobian > 0
    terms = costed if regular else lambda params, batch, key: (nll(params, batch, key), {})
    init, step = descent(flow.start, terms, optimizer, ema)

    def evaluate(state: State, batch: Batch, key):
        return {"loss": nll(state.ema, batch, key)}

    def fit(key, loop):
        return loop("neural_ode", init, step, evaluate)

    return Method(
        fit,
        flow.unfold,
        flow.log_prob,
        init,
        step,
        evaluate,
        push=flow.push,
        latent_dim=spec.dim,
        each=None if regular else each,
    )
