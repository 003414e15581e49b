"""Refinement of a posterior that is off by a known ratio, by every sampler."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold.errors import InputError
from jaxunfold.losses.likelihood import standard_normal_log_prob
from jaxunfold.methods import laser
from jaxunfold.training.loop import make_loop
from jaxunfold.types import Batch, Method, Reco, Spec, Unfolded

pytestmark = pytest.mark.usefixtures("quick_compile")
# truth given reco m is N(m, 0.5); the base method has N(m - 0.25, 0.6)
WIDTH, SHIFT, BASE_WIDTH, N = 0.5, -0.25, 0.6, 6000
SPEC = Spec(1, 1, ("a",), observables=lambda truth, reco: {"twice": 2 * truth[:, 0]})


def off(spec, optimizer) -> Method:
    def push(state, latents, reco):
        return reco.features[:, None] + SHIFT + BASE_WIDTH * latents

    def unfold(key, state, reco, num_draws):
        samples = push(state, jax.random.normal(key, (len(reco.features), num_draws, 1)), reco)
        return Unfolded(samples, jnp.zeros(samples.shape[:2]))

    def log_prob(state, truth, reco):
        return standard_normal_log_prob((truth - reco.features - SHIFT) / BASE_WIDTH) - np.log(BASE_WIDTH)

    return Method(None, unfold, log_prob, lambda key, batch: jnp.zeros(()), push=push, latent_dim=1)


METHODS = {"off": off, "whole": lambda spec, optimizer: Method(None, None, whole_sample=True)}


def build(**options):
    options = {
        "classifier": {"hidden": (24, 24)},
        "observables": {"twice": (0.0, 1.0)},
        "base": "off",
        "base_model": {},
        **options,
    }
    optimizer = optax.adam(optax.cosine_decay_schedule(1e-2, 600))
    return laser.build(METHODS, SPEC, optimizer, base_state=jnp.zeros(()), **options)


@pytest.fixture(scope="module")
def batch():
    m, noise = (jax.random.normal(key, (N, 1)) for key in jax.random.split(jax.random.key(0)))
    return Batch(m + WIDTH * noise, Reco(m), jnp.ones(N))


@pytest.fixture(scope="module")
def trained(batch):
    loop = make_loop(None, batch, batch, batch_size=250, epochs=20)
    options = {"sampler": {"kind": "refiner"}}
    options["refiner"] = {"kind": "flow", "layer": "autoregressive", "blocks": 1, "hidden": 16, "layers": 1}
    return build(**options).fit(jax.random.key(1), loop)


SAMPLERS = [
    ("weights", {}), ("resampling", {"candidates": 6}), ("hmc", {"transitions": 4}),
    ("hmc", {"transitions": 1, "candidates": 6}), ("refiner", {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), SAMPLERS)
def test_every_sampler_corrects_the_posterior(trained, kind, options):
    """Residuals have mean 0 and width 0.5 within 0.07; the base method is off by 0.25 and 0.1."""
    refiner = {"kind": "flow", "layer": "autoregressive", "blocks": 1, "hidden": 16, "layers": 1}
    method = build(sampler={"kind": kind, **options}, refiner=refiner)
    m = jnp.linspace(-1.5, 1.5, 50)[:, None]
    found = jax.jit(lambda key: method.unfold(key, trained, Reco(m), 60))(jax.random.key(2))
    assert found.samples.shape == (50, 60, 1)
    residual, weight = found.samples[..., 0] - m, np.exp(found.log_weights)
    mean = np.average(residual, weights=weight)
    assert abs(mean) < 0.07
    assert abs(np.sqrt(np.average((residual - mean) ** 2, weights=weight)) - WIDTH) < 0.07


def test_density_is_the_refined_one(trained):
    """log N(t; m, 0.5) within 0.15, a part of which is log Z_0 from 64 draws."""
    m = jnp.zeros((5, 1))
    t = jnp.linspace(-0.6, 0.6, 5)[:, None]
    expected = standard_normal_log_prob(t / WIDTH) - np.log(WIDTH)
    np.testing.assert_allclose(build().log_prob(trained, t, Reco(m)), expected, atol=0.2)
    assert build(sampler={"kind": "refiner"}, refiner={"kind": "gan"}).log_prob is None


def test_calibration_is_that_of_the_held_out_events(trained):
    np.testing.assert_allclose(trained.calibration.scale, 1, atol=0.2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base": "cin"}, "model.base: expected one of off, whole"),
        ({"base": "whole"}, "draws of each event, found 'whole'"),
        ({"sampler": {"kind": "gibbs"}}, "model.sampler.kind: expected one of weights, resampling, hmc, refiner"),
        ({"observables": {"thrice": (0, 1)}}, "model.observables: expected some of twice, found 'thrice'"),
        ({"observables": {"twice": (0, 0)}}, "model.observables.twice: expected a centre and a positive width"),
        ({"sampler": {"kind": "refiner"}}, "model.refiner.kind: expected one of flow, gan, matching"),
    ],
)
def test_bad_options_are_one_line(options, words):
    with pytest.raises(InputError, match=words):
        build(**options)
