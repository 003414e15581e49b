"""Autoencoders that generate: a linear VAE's known optimum, the buffer, one step against a critic by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold.errors import InputError
from jaxunfold.methods import METHODS, vae
from jaxunfold.methods.latent import build_autoencoder, there_and_back
from jaxunfold.training import steps
from jaxunfold.training.judged import judged
from jaxunfold.types import Batch, Reco, Spec

pytestmark = pytest.mark.usefixtures("quick_compile")

SPEC = Spec(2, 0, ("x", "y"))
NET = {"hidden": 16, "layers": 1}
HALVES = {"encoder": NET, "decoder": NET, "latent": 2, "activation": "tanh"}
CRITIC = {"critic": NET, "penalty": {"kind": "wrong_side", "weight": 0.1}}


def batch_of(key, n, width=(1.5, 1.5)):
    return steps.unconditional(jax.random.normal(key, (n, 2)) * jnp.array(width))


@pytest.fixture(scope="module")
def data():
    return batch_of(jax.random.key(0), 2000)


def trained(method, data, num):
    state = jax.jit(method.init)(jax.random.key(1), data)
    return steps.run(method.step, state, steps.rows_of(data, 128), jax.random.key(2), num)


def draws_of(method, state, n=4000):
    one = Reco(jnp.zeros((1, 0)))
    return np.asarray(jax.jit(method.unfold, static_argnums=3)(jax.random.key(3), state, one, n).samples[0])


def test_a_vae_falls_short_of_the_width_by_its_own_noise(data):
    """Probabilistic PCA: with unit noise in the likelihood the decoded variance is that of the truth less one.

    Tipping and Bishop, J. R. Stat. Soc. B 61 (1999) 611, Eq. (7): 1.5^2 - 1 = 1.25; to 15 per cent after 1500 steps.
    """
    method = vae.build(SPEC, optax.adam(5e-3), beta=1.0, ema=0.99, **HALVES)
    state, metrics = trained(method, data, 1500)
    variance = draws_of(method, state).var(0)
    np.testing.assert_allclose(variance, 1.25, rtol=0.15)
    # KL and distance at the optimum: half a log of the variance each, half a unit of noise each
    assert metrics["kl"][-300:].mean() == pytest.approx(np.log(2.25), rel=0.15)
    assert metrics["distance"][-300:].mean() == pytest.approx(1.0, rel=0.15)


def test_the_buffer_draws_from_where_the_events_are_encoded(data):
    """Without any KL the latents are no normal ones; drawn around events the copies have the truth's width."""
    method = vae.build(SPEC, optax.adam(5e-3), beta=1e-3, buffer=512, ema=0.99, **HALVES)
    state, _ = trained(method, data, 600)
    assert state.events.shape == (512, 2)
    found = draws_of(method, state)
    np.testing.assert_allclose(found.std(0), np.asarray(state.events).std(0), rtol=0.08)
    assert method.push is None
    # every row of the buffer is a training event, and an event of no weight is never drawn
    assert np.isin(np.asarray(state.events[:, 0]), np.asarray(data.truth[:, 0])).all()
    alone = state._replace(weight=jnp.zeros(512).at[7].set(1.0))
    around = draws_of(method, alone, 500)
    assert np.abs(around.mean(0) - np.asarray(state.events[7])).max() < 0.3
    assert (around.std(0) < 0.3).all()


def test_without_a_width_the_buffer_gives_copies(data):
    auto = build_autoencoder(SPEC, NET, NET, 2, "tanh")
    method = vae.build(SPEC, optax.sgd(0.0), buffer=64, buffer_width=0.0, **HALVES)
    state = jax.jit(method.init)(jax.random.key(1), data)
    state = state._replace(events=data.truth[:64], weight=jnp.ones(64))
    params, reco = state.trained.ema, Reco(jnp.zeros((64, 0)))
    mean, _ = jax.vmap(auto.encode, (None, 0, 0))(params, data.truth[:64], reco)
    copies = np.asarray(jax.vmap(auto.decode, (None, 0, 0))(params, mean, reco))
    for row in draws_of(method, state, 20):
        assert np.abs(copies - row).max(1).min() < 1e-6


def test_one_step_against_a_critic_by_hand(x64):
    """Loss of both sides and the first side's descent, of a shift that a linear critic tells from zero."""
    batch = Batch(jnp.linspace(-1.0, 2.0, 8)[:, None], Reco(jnp.zeros((8, 0))), jnp.linspace(0.5, 1.5, 8))
    shift, slope = 0.4, 0.7

    def terms(params, critic, batch, key):
        return 3.0 * params**2, {"rest": params}

    init, step = judged(
        lambda key: (jnp.asarray(shift), jnp.asarray(slope)), lambda p, b, key: (b.truth, b.truth + p), terms,
        lambda c, row: c * row[0], optax.sgd(0.1), penalty={"kind": "none"}, weight=2.0, loss="wasserstein",
    )  # fmt: skip
    state, metrics = step(init(None, batch), batch, jax.random.key(0))
    # <w> = 1: the critic's loss is its slope times the shift, its gradient the shift
    assert metrics["critic_loss"] == pytest.approx(slope * shift)
    after = slope - 0.1 * shift
    assert state.critic == pytest.approx(after)
    played = -after * jnp.mean(batch.weight * (batch.truth[:, 0] + shift))
    assert metrics["loss"] == pytest.approx(3 * shift**2 + 2 * float(played))
    assert state.params == pytest.approx(shift - 0.1 * (6 * shift - 2 * after))


@pytest.mark.parametrize("name", ["aae", "vae_gan"])
def test_relatives_with_a_critic_follow_the_events(name, data):
    """Means and widths of generated events, to a quarter of the truth's width after 1200 steps."""
    options = HALVES | CRITIC | ({"beta": 0.5, "seen": 8} if name == "vae_gan" else {"weight": 4.0})
    method = METHODS[name](SPEC, optax.adam(2e-3, b1=0.5), ema=0.99, **options)
    state, metrics = trained(method, data, 1200)
    found = draws_of(method, state)
    np.testing.assert_allclose(found.mean(0), 0.0, atol=0.4)
    np.testing.assert_allclose(found.std(0), 1.5, rtol=0.25)
    assert np.isfinite(metrics["loss"]).all()
    assert method.latent_dim == 2


def test_both_halves_see_what_is_measured():
    spec = Spec(2, 3, ("x", "y"))
    auto = build_autoencoder(spec, NET, NET, 2)
    params = auto.init(jax.random.key(0))
    events = Batch(jnp.ones((2, 2)), Reco(jnp.array([[0.0, 0, 0], [1.0, 2, 3]])), jnp.ones(2))
    mean, log_width, _, copy = there_and_back(auto, params, events, jax.random.key(1))
    for part in (mean, log_width, copy):
        assert jnp.abs(part[0] - part[1]).max() > 1e-3


def test_refusals():
    with pytest.raises(InputError, match=r"model\.buffer: expected 0 where something is measured"):
        vae.build(Spec(2, 3, ("x", "y")), optax.sgd(0.1), buffer=8, **HALVES)
    with pytest.raises(InputError, match="expected beta, buffer, buffer_width >= 0, found -1"):
        vae.build(SPEC, optax.sgd(0.1), beta=-1.0, **HALVES)
    with pytest.raises(InputError, match=r"model\.latent: expected 1 or more"):
        vae.build(SPEC, optax.sgd(0.1), **(HALVES | {"latent": 0}))
    with pytest.raises(InputError, match=r"model\.loss: expected one of jensen_shannon"):
        METHODS["aae"](SPEC, optax.sgd(0.1), loss="hinge", **HALVES, **CRITIC)
    with pytest.raises(InputError, match=r"expected critic_rate > 0 and penalty.weight >= 0, found -1.0"):
        METHODS["aae"](SPEC, optax.sgd(0.1), critic_rate=-1.0, **HALVES, **CRITIC)
