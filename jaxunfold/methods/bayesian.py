"""Bayesian flows: a Gaussian posterior over the weights of any flow, trained by the evidence lower bound.

Thesis section 3.2.3, after Bellagente, Haussmann, Luchmann, Plehn, arXiv:2104.04543. Every weight of the base method
has a mean and a width; a network drawn from them is one guess at what the training events leave open.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from jaxunfold import networks, variational
from jaxunfold.errors import InputError
from jaxunfold.losses.elbo import negative_elbo
from jaxunfold.methods import members as several
from jaxunfold.training.descent import State, descent
from jaxunfold.types import Batch, Method, Spec

WEIGHT_SEED = 0
"""Of the weight samples: they belong to a trained state, so that draw by draw number m is the same network."""


def build(
    methods: Mapping[str, Callable],
    spec: Spec,
    optimizer: optax.GradientTransformation,
    *,
    base: str,
    base_model: Mapping,
    prior_width: float = 1.0,
    start_width: float = 0.01,
    samples: int = 1,
    local: bool = False,
    temperature: float = 1.0,
    members: int = 30,
    num_events: float = 0.0,
) -> Method:
    """A flow with a posterior over its weights.

    Args:
      methods: The methods by name, of which ``base`` is one; bound in ``METHODS``.
      spec: The problem. optimizer: Without weight decay, which the prior stands for.
      base_model: Options of the base method; the running mean that its ``ema`` asks for is one of means and widths.
      prior_width: Of every weight, s. start_width: of the posterior before training.
      samples: S, weight samples of a step, each for the whole batch.
      local: Draw the outputs of dense layers for each event instead, see ``networks.local``; a flow of couplings with
        dense networks only, and ``samples`` of them.
      temperature: Factor of the KL; 1 is Bayes. members: M, weight samples that unfold.
      num_events: N, independent training events; 0 for the number that the training has.
    Raises: InputError if the base has no loss of each event, or an option is out of range.
    """
    for name, value in (("prior_width", prior_width), ("start_width", start_width), ("temperature", temperature)):
        if not value > 0:
            raise InputError(f"model.{name}: expected a number > 0, found {value}")
    for name, value in (("samples", samples), ("members", members)):
        if value < 1:
            raise InputError(f"model.{name}: expected at least 1, found {value}")
    if base not in methods:
        raise InputError(f"model.base: expected one of {', '.join(sorted(methods))}, found {base!r}")
    # its own optimiser is never stepped
    flow = methods[base](spec, optax.identity(), **base_model)
    if flow.each is None:
        raise InputError(
            f"model.base: expected a flow with a loss of each event and no other term in it, found {base!r}"
        )
    evidence = float(num_events or spec.num_events)

    def start(key, batch: Batch):
        return variational.start(flow.init(key, batch).params, start_width)

    def of_batch(posterior, batch: Batch, key):
        """-log p of the events under one sample of the weights, or one of the outputs of each event: [n]."""
        weight_key, key = jax.random.split(key)
        if not local:
            return flow.each(variational.sample(posterior, weight_key), batch, key)
        width = variational.widths(posterior)

        def one(event, weight_key, key):
            params = networks.localise(posterior.mean, width, weight_key)
            return flow.each(params, jax.tree.map(lambda x: x[None], event), key)[0]

        n = len(batch.truth)
        with networks.drawn_outputs():
            return jax.vmap(one)(batch, jax.random.split(weight_key, n), jax.random.split(key, n))

    def terms(posterior, batch: Batch, key):
        each = jnp.stack([of_batch(posterior, batch, k) for k in jax.random.split(key, samples)])
        if not evidence:
            raise InputError("model.num_events: expected the number of training events, found 0")
        kl = variational.kl_to_prior(posterior, prior_width)
        loss = negative_elbo(each, batch.weight, kl, evidence, temperature)
        return loss, {"nll": jnp.mean(each * batch.weight), "kl": kl / evidence}

    init, step = descent(start, terms, optimizer, base_model.get("ema", 0.0))

    def evaluate(state: State, batch: Batch, key):
        # the same weights in every chunk; what varies between trainings is then the training
        each = jnp.stack([flow.each(params_of(state, m), batch, key) for m in range(min(members, 4))])
        return {"loss": jnp.mean(each * batch.weight)}

    def params_of(state: State, number):
        return variational.sample(state.ema, jax.random.fold_in(jax.random.key(WEIGHT_SEED), number))

    def network(state: State):
        def state_of(number):
            params = params_of(state, number)
            return State(params, params, (), state.step)

        return state_of

    return several.method_of(flow, network, members, "bayesian", init, step, evaluate)
