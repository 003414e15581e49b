r"""Latent space refinement of any trained run: its draws, corrected by what a classifier still tells.

Thesis chapter 4, for posteriors: a classifier of (truth, reco) against (draw, reco) gives w(x, m) = p(x | m) /
p_g(x | m), and with it the refined latents of each measured event m,

    q(z | m) = p(z) w(g(z, m), m) / Z_0(m).

``SAMPLERS`` are the ways to draw from it. The base run's state stays as it was and is kept with this one's.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.methods.laser_draws import NEEDS_LATENTS, SAMPLERS, Parts, State, weighted
from jaxunfold.refinement.calibration import Temperature, fit_temperature
from jaxunfold.refinement.flow import flow
from jaxunfold.refinement.gan import gan
from jaxunfold.refinement.generator import Sample
from jaxunfold.refinement.matching import matching
from jaxunfold.training import classifier as ratios
from jaxunfold.training import feed
from jaxunfold.training.optimizer import make_optimizer
from jaxunfold.types import Anchor, Batch, Method, Reco, Spec, Unfolded

REFINERS = {"flow": flow, "gan": gan, "matching": matching}
CALIBRATION_EVENTS = 20_000


def seen_by(spec: Spec, looks: Mapping[str, Sequence]) -> Callable:
    """(truth [n, d], reco) -> what the classifier sees of events, [n, d + r + q], q observables among it."""

    def inputs(truth, reco: Reco):
        x = jnp.concatenate([truth, reco.features], axis=-1)
        if not looks:
            return x
        found = spec.observables(truth, reco)
        columns = [jnp.arcsinh((found[name] - centre) / width) for name, (centre, width) in looks.items()]
        return jnp.concatenate([x, jnp.stack(columns, -1)], axis=-1)

    return inputs


def check_looks(spec: Spec, looks: Mapping[str, Sequence]) -> None:
    """Raise InputError for an observable that there is not, or a width that is not positive."""
    if not looks:
        return
    nothing = Reco(jnp.zeros((1, spec.cond_dim)), Anchor(jnp.zeros((1, spec.dim))))
    known = jax.eval_shape(spec.observables, jnp.zeros((1, spec.dim)), nothing)
    for name, numbers in looks.items():
        if name not in known:
            raise InputError(f"model.observables: expected some of {', '.join(known)}, found {name!r}")
        if len(numbers) != 2 or not numbers[1] > 0:
            raise InputError(f"model.observables.{name}: expected a centre and a positive width, found {numbers!r}")


def build(
    methods: Mapping[str, Callable],
    spec: Spec,
    optimizer,
    *,
    base: str,
    base_model: Mapping,
    base_optimizer: Mapping | None = None,
    base_state: Any = None,
    sampler: Mapping = {"kind": "resampling"},
    classifier: Mapping = {},
    observables: Mapping[str, Sequence] = {},
    refiner: Mapping | None = None,
    normalisation_draws: int = 64,
) -> Method:
    """A trained run, refined.

    Args:
      methods: The methods by name. spec: The problem. optimizer: An optax transformation, for each stage anew.
      base, base_model, base_optimizer: Name and options of the run's method and of its optimiser, of which only the
        state's shape is looked at; None for none.
      base_state: The run's trained state; ``fit`` needs it, a saved run of this method brings it along.
      sampler: {"kind": a key of ``SAMPLERS``, and its options}.
      classifier: Options of ``training.classifier.build``.
      observables: {name: (centre, width)} of physical observables that the classifier sees as well, each as
        arcsinh((value - centre) / width): fine around a cut, coarse far from it.
      refiner: {"kind": a key of ``REFINERS``, and its options}, for the sampler "refiner".
      normalisation_draws: Draws of each event for log Z_0 in ``log_prob``.
    Raises: InputError for an unknown name, or a base that has no draws of each event or not the latents asked for.
    """
    if base not in methods:
        raise InputError(f"model.base: expected one of {', '.join(methods)}, found {base!r}")
    own = make_optimizer(total_steps=1, **base_optimizer) if base_optimizer else optimizer
    first = methods[base](spec, own, **base_model)
    if first.whole_sample:
        raise InputError(f"model.base: expected a method with draws of each event, found {base!r}")
    kind, options = sampler["kind"], {name: value for name, value in sampler.items() if name != "kind"}
    if kind not in SAMPLERS:
        raise InputError(f"model.sampler.kind: expected one of {', '.join(SAMPLERS)}, found {kind!r}")
    if kind in NEEDS_LATENTS and first.push is None:
        raise InputError(f"model.sampler.kind: {kind!r} needs a base that maps latents to draws, found {base!r}")
    draws = partial(SAMPLERS[kind], **options)
    check_looks(spec, observables)
    inputs = seen_by(spec, observables)
    network = ratios.build(spec.dim + spec.cond_dim + len(observables), optimizer, **classifier)
    second = None
    if kind == "refiner":
        if not refiner or refiner["kind"] not in REFINERS:
            raise InputError(f"model.refiner.kind: expected one of {', '.join(REFINERS)}, found {refiner!r}")
        own = {name: value for name, value in refiner.items() if name != "kind"}
        second = REFINERS[refiner["kind"]](first.latent_dim, optimizer, cond=spec.cond_dim, **own)

    def log_weight(state: State, samples, reco):
        """[n, k] of draws [n, k, d]."""
        x = jax.vmap(inputs, (1, None), 1)(samples, reco)
        return state.calibration(network.log_ratio(state.ratio, x))

    def push(state: State, latents, reco):
        return first.push(state.base, latents, reco)

    parts = Parts(first, first.latent_dim, log_weight, None if first.push is None else push, second)

    def init(key, batch: Batch) -> State:
        base_key, ratio_key, refiner_key = jax.random.split(key, 3)
        started = () if second is None else second.init(refiner_key)
        neutral = Temperature(jnp.ones(()), jnp.zeros(()))
        return State(first.init(base_key, batch), network.init(ratio_key).params, neutral, started)

    def both(batch: Batch, key) -> ratios.TwoSamples:
        """True events and one fresh draw of each."""
        drawn = first.unfold(key, base_state, batch.reco, 1).samples[:, 0]
        x = jnp.concatenate([inputs(batch.truth, batch.reco), inputs(drawn, batch.reco)])
        nothing = jnp.zeros_like(batch.weight)
        return ratios.TwoSamples(
            x, jnp.concatenate([batch.weight, nothing]), jnp.concatenate([nothing, batch.weight])
        )

    def step(state: ratios.State, batch: Batch, key):
        return network.step(state, both(batch, key), key)

    def evaluate(state: ratios.State, batch: Batch, key):
        return network.evaluate(state, both(batch, key), key)

    def calibrated(key, ratio, valid) -> Temperature:
        if valid is None:
            return Temperature(jnp.ones(()), jnp.zeros(()))
        held = jax.tree.map(lambda a: jnp.asarray(a[:CALIBRATION_EVENTS]), feed.everything(valid))
        pair = jax.jit(both)(held, key)
        return fit_temperature(network.log_ratio(ratio, pair.x), pair.weight, pair.against)

    def refiner_step(before: State):
        def step(state, batch: Batch, key):
            latent_key, step_key = jax.random.split(key)
            latents = jax.random.normal(latent_key, (len(batch.weight), 1, parts.dim))
            log_w = log_weight(before, push(before, latents, batch.reco), batch.reco)[:, 0]
            # no single latent may rule a batch
            weight = batch.weight * jnp.exp(jnp.minimum(log_w, np.log(20.0)))
            return second.step(state, Sample(latents[:, 0], weight, batch.reco.features), step_key)

        return step

    def fit(key, loop) -> State:
        if base_state is None:
            raise InputError("base_run: expected the folder of a trained run, found none")
        ratio = loop("classifier", network.init, step, evaluate).params
        state = State(base_state, ratio, calibrated(key, ratio, loop.valid), ())
        if second is None:
            return state
        return state._replace(refiner=loop("refiner", lambda key, batch: second.init(key), refiner_step(state)))

    def unfold(key, state: State, reco, num_draws: int) -> Unfolded:
        return draws(key, parts, state, reco, num_draws)

    def log_prob(state: State, truth, reco):
        found = weighted(jax.random.key(0), parts, state, reco, normalisation_draws)
        norm = jax.nn.logsumexp(found.log_weights, axis=1) - np.log(normalisation_draws)
        return first.log_prob(state.base, truth, reco) + log_weight(state, truth[:, None], reco)[:, 0] - norm

    explicit = first.log_prob is not None and kind != "refiner"
    return Method(fit, unfold, log_prob if explicit else None, init)
