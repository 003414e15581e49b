"""The conditional invertible network: maximum likelihood of truth given reco under a coupling flow.

Thesis sections 2.4.1 and 2.4.3, Eqs. (2.25) and (2.26), Table 2.3; Bellagente et al., arXiv:2006.06685.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import optax

from jaxunfold import networks
from jaxunfold.bijections.flows import build_flow
from jaxunfold.errors import InputError
from jaxunfold.losses.likelihood import gaussian_prior, negative_log_likelihood, standard_normal_log_prob
from jaxunfold.losses.mmd import mmd_of_observables
from jaxunfold.methods.eventwise import mean_over_events, over_draws, over_events
from jaxunfold.training.autoencoder import autoencoder
from jaxunfold.training.descent import State, descent
from jaxunfold.types import Batch, Method, Spec, Unfolded


def mmd_weight_at(step, start: float, growth: float = 1.0, every: int = 1):
    """lambda_MMD after so many steps, start * growth^(step // every): the last lines of thesis Table 2.3."""
    return start * growth ** (jnp.asarray(step) // every).astype(jnp.float32)


def build(
    spec: Spec,
    optimizer: optax.GradientTransformation,
    *,
    flow: Mapping,
    condition: Mapping,
    activation: str = "relu",
    weight_decay: float = 0.0,
    ema: float = 0.0,
    mmd_weight: float = 0.0,
    mmd_observables: Sequence[str] = (),
    mmd_widths: Sequence[float] = (2.0, 8.0, 25.0, 67.0),
    mmd_growth: float = 1.0,
    mmd_growth_steps: int = 1,
    pretrain: Mapping | None = None,
) -> Method:
    """A conditional flow as a method.

    Args:
      spec: The problem. optimizer: An optax transformation.
      flow: Options of ``bijections.flows.build_flow``.
      condition: Options of ``networks.build_encoder``: the network that reads the measured event.
      activation: Of all networks.
      weight_decay: Factor of -log p(theta) in the loss, for a standard normal prior over the weights.
      ema: Decay of the running mean of the weights; 0 keeps the last weights.
      mmd_weight: lambda_MMD, weight of the MMD term; 0 leaves it out.
      mmd_observables: Observables it compares. mmd_widths: Breit-Wigner kernel widths, in their units.
      mmd_growth, mmd_growth_steps: lambda_MMD is multiplied by the first each time so many steps are done.
      pretrain: Options of ``training.autoencoder.autoencoder`` and ``epochs``: the condition network is first trained
        as half of an autoencoder, a stage of its own, and goes on from there; None leaves it out.
    Raises: InputError if an observable is not one of the problem's, or an option is out of range.
    """
    encoder = networks.build_encoder(spec, activation=activation, **condition)
    bijection = build_flow(spec.dim, encoder.size, **{"activation": activation, **flow})
    if bijection.inverse is None:
        raise InputError(
            f"model.flow: expected a layer with an inverse, which draws need, found {flow['layer']!r} "
            "with constrained=False"
        )
    if mmd_growth <= 0 or mmd_growth_steps < 1:
        found = f"{mmd_growth} every {mmd_growth_steps}"
        raise InputError(f"model.mmd_growth: expected a factor > 0 every 1 or more steps, found {found}")
    first_stage = None
    if pretrain:
        pretrain_epochs, options = pretrain["epochs"], {k: v for k, v in pretrain.items() if k != "epochs"}
        if pretrain_epochs < 1:
            raise InputError(f"model.pretrain.epochs: expected at least 1, found {pretrain_epochs}")
        first_stage = autoencoder(encoder, spec, activation=activation, **options)
    if mmd_weight and not mmd_observables:
        raise InputError("model.mmd_observables: expected at least one observable with mmd_weight > 0, found none")

    def start(key, batch: Batch):
        flow_key, condition_key = jax.random.split(key)
        params = {"flow": bijection.init(flow_key), "condition": encoder.init(condition_key)}
        if bijection.start:
            contexts = jax.vmap(partial(context, params))(batch.reco)
            params["flow"] = bijection.start(params["flow"], batch.truth, contexts)
        return params

    def context(params, reco):
        return bijection.context(params["flow"], encoder.apply(params["condition"], reco))

    def nll(params, truth, reco):
        z, log_det = bijection.forward_given(params["flow"], truth, encoder.apply(params["condition"], reco))
        return negative_log_likelihood(z, log_det)

    def weighed(params, weight, truth, reco):
        return weight * nll(params, truth, reco)

    def each(params, batch: Batch, key):
        return jax.vmap(partial(nll, params))(batch.truth, batch.reco)

    def draw(params, key, reco):
        latent = jax.random.normal(key, (spec.dim,))
        return bijection.inverse(params["flow"], latent, context(params, reco))[0]

    def mmd(params, key, batch: Batch):
        keys = jax.random.split(key, batch.truth.shape[0])
        unfolded = jax.vmap(partial(draw, params))(keys, batch.reco)
        ours, truth = spec.observables(unfolded, batch.reco), spec.observables(batch.truth, batch.reco)
        return mmd_of_observables(ours, truth, mmd_observables, mmd_widths, batch.weight)

    def terms(params, batch: Batch, key, done):
        out = {"nll": mean_over_events(weighed, params, (batch.weight, batch.truth, batch.reco))}
        if weight_decay:
            out["prior"] = weight_decay * gaussian_prior(params)
        if mmd_weight:
            out["mmd"] = mmd_weight_at(done, mmd_weight, mmd_growth, mmd_growth_steps) * mmd(params, key, batch)
        return sum(out.values()), out

    init, step = descent(start, terms, optimizer, ema, scheduled=True)

    def evaluate(state: State, batch: Batch, key):
        return {"loss": jnp.mean(batch.weight * each(state.ema, batch, key))}

    def fit(key, loop):
        if first_stage is None:
            return loop("cinn", init, step, evaluate)
        encoded = loop("autoencoder", *first_stage, epochs=pretrain_epochs).params["encoder"]

        def init_from(key, batch):
            state = init(key, batch)
            # each its own copy: a donated buffer must not appear twice
            params, mean = (
                {**tree, "condition": jax.tree.map(jnp.copy, encoded)} for tree in (state.params, state.ema)
            )
            return state._replace(params=params, ema=mean)

        return loop("cinn", init_from, step, evaluate)

    def push(state: State, latents, reco):
        def pull(z, ctx):
            return bijection.inverse(state.ema["flow"], z, ctx)[0]

        return over_draws(pull, latents, reco, partial(context, state.ema))

    def unfold(key, state: State, reco, num_draws: int) -> Unfolded:
        keys = jax.random.split(key, reco.features.shape[0])
        latents = jax.vmap(lambda key: jax.random.normal(key, (num_draws, spec.dim)))(keys)
        return Unfolded(push(state, latents, reco), jnp.zeros(latents.shape[:2]))

    def log_prob(state: State, truth, reco):
        def one(x, reco):
            z, log_det = bijection.forward_given(state.ema["flow"], x, encoder.apply(state.ema["condition"], reco))
            return standard_normal_log_prob(z) + log_det

        return over_events(one, (truth, reco))

    whole = not (weight_decay or mmd_weight or pretrain)
    return Method(
        fit, unfold, log_prob, init, step, evaluate, push=push, latent_dim=spec.dim, each=each if whole else None
    )
