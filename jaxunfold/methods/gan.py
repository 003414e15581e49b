"""The naive GAN: a measured event in, a true one out, told apart from others only as a sample.

With noise and nothing measured it is the generator of Butter, Plehn, Winterhalder, arXiv:1907.03764, section 2.2.

Bellagente et al., arXiv:1912.00477, section 2, Eqs. (2) to (6); thesis section 2.3. A baseline with known faults: no
noise, so an event has one unfolded image; no pairs, so nothing ties that image to the event but what a network finds
easiest.
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax

from jaxunfold import networks
from jaxunfold.errors import InputError
from jaxunfold.losses.energy import energy_distance
from jaxunfold.losses.moments import build_moments
from jaxunfold.losses.observable_mmd import build_observable_mmd
from jaxunfold.methods.eventwise import over_draws
from jaxunfold.training.duel import Players, State, complaint, duel
from jaxunfold.types import Batch, Method, Spec, Unfolded


def unpaired(batch: Batch) -> tuple[Batch, Batch]:
    """The two halves of a batch: truth of the one is compared with what is made of the other's reco."""
    half = len(batch.weight) // 2
    if not half:
        raise InputError("training.batch_size: expected at least 2 for unpaired halves, found 1")
    return jax.tree.map(lambda x: x[:half], batch), jax.tree.map(lambda x: x[half : 2 * half], batch)


def build(
    spec: Spec,
    optimizer: optax.GradientTransformation,
    *,
    generator: Mapping,
    critic: Mapping,
    noise: int = 0,
    mmd: Mapping | None = None,
    moments: Mapping | None = None,
    activation: str = "leaky_relu",
    tails: float = 6.0,
    **training,
) -> Method:
    """A GAN whose generator's input is the measured event.

    Args: as of ``methods.fcgan``; there is no condition, and noise only where nothing is measured or asked for.
      moments: Options of ``losses.moments.build_moments``, a term of masses' means and widths; None for none.
    Raises: InputError if the generator has no input, coordinates are relative to the measured event, which would pair
      what this method does not, or an option is unknown or out of range.
    """
    if spec.relative:
        raise InputError(
            "preprocess.relative: expected none, for the method knows no pairs, found coordinates relative to the "
            "measured event"
        )

    if noise + spec.cond_dim < 1:
        raise InputError("model.noise: expected 1 or more where nothing is measured, found 0")
    maker = networks.deep_mlp(noise + spec.cond_dim, spec.dim, activation, **generator)
    judger = networks.deep_mlp(spec.dim, 1, activation, **critic)

    def start(key):
        return tuple(net.init(k) for net, k in zip((maker, judger), jax.random.split(key)))

    def generate(params, r, reco):
        seen = networks.soft_limit(reco.features, networks.SEEN)
        return networks.soft_limit(maker.apply(params, jnp.concatenate([r, seen])), tails)

    def judge(params, truth, reco):
        return judger.apply(params, truth)[0]

    terms = [] if mmd is None else [build_observable_mmd(spec, **mmd)]
    terms += [] if moments is None else [build_moments(spec, **moments)]
    extra = None if not terms else lambda generated, batch: sum(term(generated, batch) for term in terms)
    init, step = duel(Players(start, generate, noise, judge, unpaired), optimizer, extra=extra, **training)

    def push_params(params, latents, reco):
        return over_draws(partial(generate, params), latents, reco)

    def draws(params, key, reco, num_draws):
        return push_params(params, jax.random.normal(key, (len(reco.features), num_draws, noise)), reco)

    def evaluate(state: State, batch: Batch, key):
        # events of one chunk against each other: training.eval_batch_size should be a thousand or so
        real, asked = unpaired(batch)
        found = draws(state.ema, key, asked.reco, 1)[:, 0]
        return {"loss": energy_distance(found, real.truth, asked.weight, real.weight)}

    def fit(key, loop):
        return loop("gan", init, step, evaluate, watch=complaint)

    def unfold(key, state: State, reco, num_draws: int) -> Unfolded:
        # without noise all draws of an event are one
        found = draws(state.ema, key, reco, num_draws if noise else 1)
        samples = jnp.broadcast_to(found, (len(found), num_draws, spec.dim))
        return Unfolded(samples, jnp.zeros(samples.shape[:2]))

    def push(state: State, latents, reco):
        return push_params(state.ema, latents, reco)

    return Method(fit, unfold, None, init, step, evaluate, push=push if noise else None, latent_dim=noise)
