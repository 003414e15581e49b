"""One unconditional flow between (truth, noise) and (reco, noise): what INN and eINN share.

Thesis Eqs. (2.21) and (2.24), Fig. 2.11: g(x_p, r_p) = (x_d, r_d), with D_p + D_rp = D_d + D_rd. ``forward`` of the
flow is the detector's direction; x_d are the standardised reco features.

There is no ``log_prob``: the flow's density is one of (x_p, r_p) together, and r_p stays inside an integral.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxunfold.bijections.flows import build_flow
from jaxunfold.errors import InputError
from jaxunfold.losses.mmd import mmd_of_observables
from jaxunfold.methods.eventwise import over_draws
from jaxunfold.types import Batch, Method, Spec, Unfolded


class TwoWay(NamedTuple):
    """A bijection of one event between truth and reco, each padded with noise.

    init: (key, batch) -> params.
    to_reco: (params, truth [D_p], noise [D_rp]) -> (reco [D_d], noise [D_rd]), thesis g.
    to_truth: its inverse, (params, reco, noise) -> (truth, noise), thesis g bar.
    truth_noise, reco_noise: D_rp and D_rd.
    """

    init: Callable
    to_reco: Callable
    to_truth: Callable
    truth_noise: int
    reco_noise: int


def noise_sizes(spec: Spec, truth_noise: int | None, reco_noise: int) -> tuple[int, int]:
    """(D_rp, D_rd), the first from the second where it is None.

    Raises: InputError if the two sides differ in size, or a size is negative: D_d < D_p needs noise at reco.
    """
    ours, theirs = f"{spec.dim} truth coordinates", f"{spec.cond_dim} reco features"
    least = max(0, spec.dim - spec.cond_dim)
    if reco_noise < least:
        raise InputError(
            f"reco_noise: expected at least {least}, for {ours} and {theirs}, found {reco_noise}: a bijection "
            "loses no dimension"
        )
    needed = spec.cond_dim + reco_noise - spec.dim
    if truth_noise not in (None, needed):
        raise InputError(
            f"truth_noise: expected {needed}, so that {ours} and it are as many as {theirs} and {reco_noise} of "
            f"reco_noise, found {truth_noise}"
        )
    return needed, reco_noise


def build_two_way(spec: Spec, flow: Mapping, activation: str, truth_noise: int | None, reco_noise: int) -> TwoWay:
    """The padded bijection.

    Args:
      spec: The problem. flow: Options of ``bijections.flows.build_flow``. activation: Of its networks.
      truth_noise: D_rp, None for what is left. reco_noise: D_rd.
    Raises: InputError if sizes do not match, or coordinates are relative to the measured event.
    """
    if spec.relative:
        raise InputError(
            "preprocess.relative: expected none, for the method maps truth to what is measured, found coordinates "
            "relative to the measured event"
        )
    truth_noise, reco_noise = noise_sizes(spec, truth_noise, reco_noise)
    # no condition: what is measured is the other side
    bijection = build_flow(spec.dim + truth_noise, 0, **{"activation": activation, **flow})
    if bijection.inverse is None:
        raise InputError("model.flow: expected a layer with an inverse, which unfolds, found one without")
    nothing = jnp.zeros(0)

    def init(key, batch: Batch):
        params = bijection.init(key)
        if bijection.start is None:
            return params
        n = batch.truth.shape[0]
        padded = jnp.concatenate([batch.truth, jax.random.normal(key, (n, truth_noise))], axis=1)
        contexts = jax.vmap(lambda c: bijection.context(params, c))(jnp.zeros((n, 0)))
        return bijection.start(params, padded, contexts)

    def to_reco(params, truth, noise):
        y, _ = bijection.forward(params, jnp.concatenate([truth, noise]), bijection.context(params, nothing))
        return y[: spec.cond_dim], y[spec.cond_dim :]

    def to_truth(params, reco, noise):
        x, _ = bijection.inverse(params, jnp.concatenate([reco, noise]), bijection.context(params, nothing))
        return x[: spec.dim], x[spec.dim :]

    return TwoWay(init, to_reco, to_truth, truth_noise, reco_noise)


def both_ways(params, two_way: TwoWay, batch, key):
    """A batch through both directions with fresh noise: ((reco, its noise), (truth, its noise)), each [n, ...]."""
    truth_key, reco_key = jax.random.split(key)
    n = batch.truth.shape[0]
    truth_noise = jax.random.normal(truth_key, (n, two_way.truth_noise))
    reco_noise = jax.random.normal(reco_key, (n, two_way.reco_noise))
    each = (None, 0, 0)
    return (
        jax.vmap(two_way.to_reco, each)(params, batch.truth, truth_noise),
        jax.vmap(two_way.to_truth, each)(params, batch.reco.features, reco_noise),
    )


def refuse_unseen(spec: Spec, reco_names) -> None:
    """Raise InputError where observables of smeared events are asked for and the features do not hold them."""
    if reco_names and spec.reco_observables is None:
        raise InputError(
            "mmd_reco_observables: expected none, for the features are not the whole measured event, "
            f"found {tuple(reco_names)}"
        )


def observable_terms(spec: Spec, made_reco, made_truth, batch, names, reco_names, widths) -> dict[str, jax.Array]:
    """MMD of named observables: of the unfolded events, and of the smeared ones; no entry where no name is given."""
    out = {}
    if names:
        ours, target = spec.observables(made_truth, batch.reco), spec.observables(batch.truth, batch.reco)
        out["mmd_truth_observables"] = mmd_of_observables(ours, target, names, widths, batch.weight)
    if reco_names:
        ours, target = spec.reco_observables(made_reco), spec.reco_observables(batch.reco.features)
        out["mmd_reco_observables"] = mmd_of_observables(ours, target, reco_names, widths, batch.weight)
    return out


def two_way_method(name: str, two_way: TwoWay, init: Callable, step: Callable, terms: Callable) -> Method:
    """The method around a loss: fresh noise for every draw, in both directions.

    Args:
      name: Of its stage of training. init, step: from ``training.descent``.
      terms: (params, batch, key) -> (loss, {name: term}).
    """

    def evaluate(state, batch, key):
        # kernels compare events of one chunk: training.eval_batch_size should be about a batch
        loss, parts = terms(state.ema, batch, key)
        return {"loss": loss, **parts}

    def fit(key, loop):
        return loop(name, init, step, evaluate)

    def pushed(direction, state, noise, events):
        return over_draws(lambda r, event: direction(state.ema, event, r)[0], noise, events)

    def draws(direction, size, key, state, events, num_draws):
        keys = jax.random.split(key, events.shape[0])
        return pushed(direction, state, jax.vmap(lambda key: jax.random.normal(key, (num_draws, size)))(keys), events)

    def unfold(key, state, reco, num_draws: int) -> Unfolded:
        samples = draws(two_way.to_truth, two_way.reco_noise, key, state, reco.features, num_draws)
        return Unfolded(samples, jnp.zeros(samples.shape[:2]))

    def push(state, latents, reco):
        return pushed(two_way.to_truth, state, latents, reco.features)

    def smear(key, state, truth, num_draws: int):
        return draws(two_way.to_reco, two_way.truth_noise, key, state, truth, num_draws)

    return Method(fit, unfold, None, init, step, evaluate, smear=smear, push=push, latent_dim=two_way.reco_noise)
