"""Naive and conditional GAN: losses by hand, a Gaussian problem with a known posterior, options, collapse."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold.errors import InputError
from jaxunfold.losses.observable_mmd import build_observable_mmd
from jaxunfold.methods import fcgan, gan
from jaxunfold.training.duel import Players, complaint, duel
from jaxunfold.training.loop import CollapseError, make_loop
from jaxunfold.types import Batch, Reco, Spec

pytestmark = pytest.mark.usefixtures("quick_compile")

NET = {"hidden": 16, "layers": 2}
PENALTY = {"kind": "wrong_side", "weight": 0.1}
# truth ~ N(0, 1), reco = SLOPE truth + NOISE n: the posterior is N(SLOPE reco, NOISE^2)
SLOPE, NOISE = 0.8, 0.6


def spec_of(dim=1, relative=False, measured=None):
    names = tuple(f"x{i}" for i in range(dim))
    return Spec(
        dim, dim, names, lambda truth, reco: {"mass": 80 + 2 * truth[:, 0]}, relative, reco_observables=measured
    )


def batch_of(key, n, dim=1):
    truth_key, noise_key = jax.random.split(key)
    truth = jax.random.normal(truth_key, (n, dim))
    reco = SLOPE * truth + NOISE * jax.random.normal(noise_key, (n, dim))
    return Batch(truth, Reco(reco), jnp.ones(n))


def linear_players():
    """Generator a noise + b reco, critic u x^2 + v x: everything by hand."""
    start = {"a": jnp.asarray(0.3), "b": jnp.asarray(0.5)}, {"u": jnp.asarray(0.2), "v": jnp.asarray(-0.4)}
    return Players(
        lambda key: start,
        lambda p, noise, reco: p["a"] * noise + p["b"] * reco.features,
        1,
        lambda p, x, reco: p["u"] * x[0] ** 2 + p["v"] * x[0],
        lambda batch: (batch, batch),
    )


@pytest.mark.parametrize("penalty", ["wrong_side", "unit_slope", "none"])
def test_one_step_by_hand(x64, penalty):
    """Loss, penalty and the critic's descent of one step, with the gradient of x written out."""
    batch = batch_of(jax.random.key(0), 16)._replace(weight=jnp.linspace(0.5, 1.5, 16))
    init, step = duel(linear_players(), optax.sgd(0.1), penalty={"kind": penalty, "weight": 0.3})
    state = init(jax.random.key(1), batch)
    key = jax.random.key(2)
    after, metrics = step(state, batch, key)
    noise_key, share_key = jax.random.split(jax.random.split(jax.random.split(key)[0], 1)[0])
    fake = 0.3 * jax.random.normal(noise_key, (16, 1)) + 0.5 * batch.reco.features
    share = jax.random.uniform(share_key, (16, 1))

    def by_hand(u, v):
        def phi(x):
            return u * x**2 + v * x

        def slope(x):
            return (2 * u * x + v) ** 2

        real, fakes, between = batch.truth[:, 0], fake[:, 0], (share * batch.truth + (1 - share) * fake)[:, 0]
        played = jnp.mean(batch.weight * (jnp.log1p(jnp.exp(-phi(real))) + jnp.log1p(jnp.exp(phi(fakes)))))
        D = [jax.nn.sigmoid(phi(x)) for x in (real, fakes)]
        kept = {
            "none": 0.0,
            "wrong_side": jnp.mean(batch.weight * ((1 - D[0]) ** 2 * slope(real) + D[1] ** 2 * slope(fakes))),
            "unit_slope": jnp.mean(batch.weight * (jnp.abs(2 * u * between + v) - 1) ** 2),
        }[penalty]
        return played + 0.3 * kept, played

    (_, played), grads = jax.value_and_grad(by_hand, (0, 1), has_aux=True)(0.2, -0.4)
    assert metrics["critic_loss"] == pytest.approx(float(played), rel=1e-9)
    assert after.critic["u"] == pytest.approx(0.2 - 0.1 * float(grads[0]), rel=1e-6)
    assert after.critic["v"] == pytest.approx(-0.4 - 0.1 * float(grads[1]), rel=1e-6)


def test_clipped_critic_and_several_updates():
    """Each critic update sees a share of the batch of its own; weights stay within the clip."""
    batch = batch_of(jax.random.key(0), 16)
    options = {"loss": "wasserstein", "penalty": {"kind": "none"}, "critic_updates": 4, "clip_weights": 0.1}
    init, step = duel(linear_players(), optax.sgd(0.1), **options)
    state, metrics = step(init(jax.random.key(1), batch), batch, jax.random.key(2))
    assert max(abs(float(x)) for x in jax.tree.leaves(state.critic)) <= 0.1 + 1e-6
    assert np.isfinite([float(x) for x in metrics.values()]).all()
    with pytest.raises(InputError, match=r"multiple of model\.critic_updates=4, found 6"):
        step(state, batch_of(jax.random.key(0), 6), jax.random.key(2))


def train(method, steps, batch_size=256, seed=0):
    @jax.jit
    def run(key):
        start_key, key = jax.random.split(key)
        state = method.init(start_key, batch_of(start_key, batch_size))

        def body(state, key):
            data_key, step_key = jax.random.split(key)
            return method.step(state, batch_of(data_key, batch_size), step_key)

        return jax.lax.scan(body, state, jax.random.split(key, steps))

    return run(jax.random.key(seed))


@pytest.fixture(scope="module")
def test_events():
    return batch_of(jax.random.key(100), 2000)


def test_conditional_gan_finds_the_posterior(test_events):
    """Mean and width of 200 draws of 2,000 events against N(SLOPE reco, NOISE^2), all seeds fixed."""
    method = fcgan.build(spec_of(), optax.adam(2e-3, b1=0.5), generator=NET, critic=NET, penalty=PENALTY, ema=0.99)
    state, _ = train(method, 1000)
    draws = jax.jit(method.unfold, static_argnums=3)(jax.random.key(3), state, test_events.reco, 200).samples[..., 0]
    mean = np.asarray(draws.mean(1))
    assert np.std(mean - SLOPE * np.asarray(test_events.reco.features)[:, 0]) < 0.15
    assert np.mean(draws.std(1)) == pytest.approx(NOISE, abs=0.1)
    valid = {name: float(x) for name, x in method.evaluate(state, test_events, jax.random.key(4)).items()}
    assert valid["draw_spread"] == pytest.approx(1, abs=0.15)
    assert complaint({"critic_accuracy": 0.5, "spread": 1.0}, valid) is None


def test_naive_gan_finds_the_sample_and_no_posterior(test_events):
    """The images are distributed as truth; an event's draws are one point, and its sign may well be the wrong one."""
    method = gan.build(spec_of(), optax.adam(2e-3, b1=0.5), generator=NET, critic=NET, penalty=PENALTY, ema=0.99)
    state, _ = train(method, 700)
    draws = np.asarray(method.unfold(jax.random.key(3), state, test_events.reco, 3).samples[..., 0])
    assert (draws == draws[:, :1]).all()
    assert draws.mean() == pytest.approx(0, abs=0.15)
    assert draws.std() == pytest.approx(1, abs=0.15)
    assert method.evaluate(state, test_events, jax.random.key(4))["loss"] < 0.03


def test_variants_of_the_observable_term(x64):
    """Each is zero at the truth and not elsewhere; 'augmented' sees a wrong pairing that 'fixed' does not."""
    batch = batch_of(jax.random.key(5), 64)
    spec = spec_of(measured=lambda features: {"mass": 80 + 2 * features[:, 0]})
    options = {"observables": ("mass",), "widths": (0.5, 2.0)}
    for kind in ("fixed", "cooling", "augmented", "conditional"):
        term = build_observable_mmd(spec, kind, **options, squared=True)
        assert abs(term(batch.truth, batch)) < 1e-9, kind
        assert term(batch.truth + 1, batch) > 1e-3, kind
        rooted = build_observable_mmd(spec, kind, weight=3.0, **options)(batch.truth + 1, batch)
        assert rooted == pytest.approx(3 * float(term(batch.truth + 1, batch)) ** 0.5, rel=1e-6)
    paired = {kind: build_observable_mmd(spec, kind, **options, squared=True)(-batch.truth, batch)
              for kind in ("fixed", "augmented", "conditional")}  # fmt: skip
    assert paired["augmented"] > 3 * paired["fixed"]
    assert paired["conditional"] > 1e-3


def test_an_event_without_a_finite_gradient_gets_none():
    """A mass through exp that overflows: the other events' gradients are as without it."""
    spec = spec_of()._replace(observables=lambda truth, reco: {"mass": jnp.sqrt(jnp.exp(truth[:, 0]))})
    term = build_observable_mmd(spec, observables=("mass",), widths=(1.0,))
    batch = batch_of(jax.random.key(6), 8)
    good = jax.grad(term)(batch.truth + 0.5, batch)
    bad = jax.grad(term)((batch.truth + 0.5).at[0].set(1e4), batch)
    assert np.isfinite(bad).all()
    assert bad[0] == 0
    assert np.abs(good).min() > 0


@pytest.mark.parametrize(
    ("build", "options", "words"),
    [
        (gan.build, {"spec": spec_of(relative=True)}, "preprocess.relative: expected none"),
        (fcgan.build, {"loss": "hinge"}, "model.loss: expected one of jensen_shannon, least_squares, wasserstein"),
        (
            fcgan.build,
            {"penalty": {"kind": "l2"}},
            "model.penalty.kind: expected one of none, wrong_side, unit_slope",
        ),
        (fcgan.build, {"critic_updates": 0}, "expected critic_updates >= 1"),
        (fcgan.build, {"mmd": {"kind": "warm"}}, "model.mmd.kind: expected one of fixed, cooling"),
        (fcgan.build, {"mmd": {"kind": "fixed"}}, "model.mmd.observables: expected at least one"),
        (fcgan.build, {"mmd": {"observables": ("mass",), "widths": (0.0,)}}, "expected positive widths"),
        (fcgan.build, {"mmd": {"observables": ("mass",), "kernel": "box"}}, "model.mmd.kernel: expected one of"),
        (fcgan.build, {"mmd": {"observables": ("mass",), "kind": "cooling", "of": "iqr"}}, "one of std, fwhm"),
        (fcgan.build, {"mmd": {"observables": ("mass",), "kind": "conditional", "unbiased": True}}, "mmd.unbiased"),
        (fcgan.build, {"mmd": {"observables": ("mass",), "kind": "augmented"}}, "hold the whole measured event"),
    ],
)
def test_options_that_do_not_fit(build, options, words):
    options = {"spec": spec_of(), "generator": NET, "critic": NET, "penalty": PENALTY} | options
    with pytest.raises(InputError, match=words):
        build(optimizer=optax.sgd(0.1), **options)


@pytest.mark.parametrize("build", [gan.build, fcgan.build])
@pytest.mark.parametrize("wrong", [{"layers": -1}, {"hidden": 0}])
def test_sizes_that_make_no_network(build, wrong):
    with pytest.raises(ValueError, match="expected at least 1 of each"):
        build(spec_of(), optax.sgd(0.1), generator=NET | wrong, critic=NET, penalty=PENALTY)


def test_unknown_observable_is_named():
    term = build_observable_mmd(spec_of(), observables=("m_zz",))
    with pytest.raises(InputError, match=r"expected names among \('mass',\), found 'm_zz'"):
        term(jnp.zeros((4, 1)), batch_of(jax.random.key(0), 4))


def test_complaints_in_words():
    good = {"critic_accuracy": 0.8, "spread": 0.9}
    assert complaint(good, {"draw_spread": 0.9}) is None
    assert "the critic tells" in complaint(good | {"critic_accuracy": 0.9999}, {})
    assert "mode collapse: a coordinate has 1.00%" in complaint(good | {"spread": 0.01}, {})
    assert "mode collapse: an event's draws have 0.10%" in complaint(good, {"draw_spread": 0.001})


def test_a_collapse_ends_in_one_line_with_the_last_good_checkpoint(tmp_path):
    """A generator pulled to a point, three epochs of it, then an error that names stage, epochs and checkpoint."""
    data = batch_of(jax.random.key(0), 64)

    def init(key, batch):
        return {"scale": jnp.ones(())}

    def step(state, batch, key):
        scale = state["scale"] * 0.2
        return {"scale": scale}, {"loss": scale, "critic_accuracy": jnp.asarray(0.6), "spread": scale}

    loop = make_loop(str(tmp_path), data, batch_size=16, epochs=8, steps_per_dispatch=2, checkpoint_every_seconds=0.0)
    with pytest.raises(CollapseError, match=r"gan: epochs 2 to 4: mode collapse.*last good checkpoint: .*gan/0*6"):
        loop("gan", init, step, watch=complaint)
