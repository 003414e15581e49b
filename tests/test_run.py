"""A run: saved and loaded bit for bit, drawn from in pieces, as a distribution, and what it refuses."""

import dataclasses

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

import jaxunfold
from jaxunfold import problem as problems
from jaxunfold import run as runs
from jaxunfold import saved as store
from jaxunfold.data import preprocess
from jaxunfold.data.events import Events, write
from jaxunfold.errors import InputError
from jaxunfold.physics.observables import observables

pytestmark = pytest.mark.usefixtures("quick_compile")

TREE = {
    "kind": "resonance",
    "resonances": {"ll": ("e-", "e+"), "jj": ("q1", "q2")},
    "decays": {"ll": "lab", "jj": "frame"},
    "recoil": "jj",
    "reco": {"e-": "e-", "e+": "e+", "q1": "j1", "q2": "j2"},
}
SECTIONS = {
    "table": {
        "coordinates": {"kind": "columns", "reco": {"a": "ra"}},
        "features": {"kind": "table"},
        "relative": ("a",),
        "scaling": "quantile",
    },
    "momenta": {
        "coordinates": TREE,
        "features": {"kind": "kinematics"},
        "relative": ("eta_e-", "eta_e+", "phi_e-", "phi_e+"),
        "scaling": "quantile",
    },
}


def make_config(kind):
    return ConfigDict(
        {
            "method": "cinn",
            "resonances": {"ll": ("e-", "e+"), "jj": ("q1", "q2")} if kind == "momenta" else {},
            "preprocess": SECTIONS[kind],
            "model": {
                "flow": {"layer": "spline", "blocks": 2, "bins": 4, "hidden": 8, "layers": 1},
                "condition": {"layers": 1, "units": 8, "output": 4},
            },
            "optimizer": {"kind": "adamw", "learning_rate": 1e-3, "schedule": "one_cycle"},
        }
    )


def make_run(kind, events):
    """A run whose weights are random instead of trained."""
    config, problem = make_config(kind), problems.problem_of(events)
    fitted = preprocess.fit(problems.make_pipeline(config, problem), events)
    run = runs.assemble(config, problem, fitted, about={"data": "none"})
    batch = preprocess.encode(run.pipeline, fitted, events)
    state = jax.jit(run.method.init)(jax.random.key(0), jax.tree.map(lambda a: jnp.asarray(a[:8]), batch))
    rng = np.random.default_rng(0)
    ema = jax.tree.map(lambda p: p + 0.1 * rng.normal(size=p.shape).astype(p.dtype), state.ema)
    return dataclasses.replace(run, state=state._replace(ema=ema))


@pytest.fixture(scope="module")
def table_run(table_events, quick_compile):
    return make_run("table", table_events)


@pytest.fixture(scope="module")
def momenta_run(zw_events, quick_compile):
    return make_run("momenta", zw_events)


@pytest.fixture(scope="module")
def saved(table_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    store.save_setup(folder, table_run)
    store.save_state(folder, table_run.state)
    return folder


def test_loaded_is_saved_bit_for_bit(table_run, saved, table_events):
    again = jaxunfold.load(saved)
    assert again.config == table_run.config
    assert again.problem == table_run.problem
    assert again.about == {"data": "none"}
    events, key = table_events[:6], jax.random.key(1)
    ours, theirs = (r.unfold(key, events, num_draws=10) for r in (table_run, again))
    np.testing.assert_array_equal(ours.samples, theirs.samples)
    np.testing.assert_array_equal(*(r.log_prob(events.truth, events) for r in (table_run, again)))


def test_momenta_run_loads_and_draws_balanced_events(momenta_run, zw_events, tmp_path):
    """Whatever the weights, draws balance in the transverse plane to 1e-6, on shell and with the tree's masses."""
    store.save_setup(tmp_path, momenta_run)
    store.save_state(tmp_path, momenta_run.state)
    run = store.load(tmp_path)
    write(tmp_path / "data.h5", dataclasses.replace(zw_events[:40], truth=None, truth_names=()))
    post = run.unfold(jax.random.key(0), str(tmp_path / "data.h5"), num_draws=50)
    assert post.samples.shape == (40, 50, 4, 4)
    assert post.samples.dtype == np.float32
    p = post.samples.astype(np.float64)
    balance = np.abs(p[..., 1:3].sum(2)) / np.abs(p[..., 1:3]).sum(2)
    assert balance.max() < 1e-6
    np.testing.assert_allclose(p[..., 0], np.linalg.norm(p[..., 1:], axis=-1), rtol=1e-6)
    masses = observables(jnp.asarray(post.samples), zw_events.truth_names, run.resonances)["m_ll"]
    assert 85 < np.median(masses) < 97
    np.testing.assert_array_equal(post.log_weights, np.zeros((40, 50)))
    assert "without px and py of q2" in run.density_of


def test_density_is_in_physical_units(table_run, table_events):
    """By the change of variables, with the Jacobian of the encoding from automatic differentiation."""
    events = table_events[:6]
    batch = preprocess.encode(table_run.pipeline, table_run.fitted, events)
    log_prob = jax.jit(table_run.method.log_prob)
    latent = log_prob(table_run.state, *jax.tree.map(jnp.asarray, (batch.truth, batch.reco)))

    def one(truth, anchor):
        def encode(t):
            return preprocess.encode_truth(table_run.pipeline, table_run.fitted, t, anchor)[0]

        return jax.jacfwd(encode)(truth)

    jacobian = jax.jit(jax.vmap(one))(jnp.asarray(events.truth), jax.tree.map(jnp.asarray, batch.reco.anchor))
    expected = latent + np.linalg.slogdet(np.asarray(jacobian, np.float64))[1]
    np.testing.assert_allclose(table_run.log_prob(events.truth, events), expected, rtol=1e-3, atol=1e-3)


def test_unfolding_in_pieces(table_run, table_events, monkeypatch):
    """Pieces of three events: the last is smaller, no latent is used twice, progress counts events."""
    monkeypatch.setattr(runs, "DRAWS_PER_CALL", 60)
    events, key = table_events[:10], jax.random.key(0)
    done = []
    post = table_run.unfold(key, events, num_draws=20, progress=done.append)
    assert post.samples.shape == (10, 20, 3)
    assert post.log_weights.shape == (10, 20)
    assert post.member is None
    assert done == [3, 3, 3, 1]
    assert len(np.unique(post.samples[..., 1])) > 0.99 * 200
    again = table_run.unfold(key, events, num_draws=20)
    np.testing.assert_array_equal(post.samples, again.samples)
    other = table_run.unfold(jax.random.key(1), events, num_draws=20)
    assert not np.any(other.samples == post.samples)


def test_more_draws_than_fit_one_call(table_run, table_events, monkeypatch):
    monkeypatch.setattr(runs, "DRAWS_PER_CALL", 8)
    post = table_run.unfold(jax.random.key(0), table_events[:2], num_draws=20)
    assert post.samples.shape == (2, 20, 3)
    assert len(np.unique(post.samples[..., 1])) > 0.95 * 40


def test_posterior_is_a_distrax_distribution(table_run, table_events):
    events = table_events[:6]
    post = table_run.posterior(events)
    assert isinstance(post, distrax.Distribution)
    assert (post.batch_shape, post.event_shape) == ((6,), (3,))
    draws = post.sample(seed=jax.random.key(0), sample_shape=(2, 5))
    assert draws.shape == (2, 5, 6, 3)
    np.testing.assert_allclose(post.log_prob(events.truth), table_run.log_prob(events.truth, events), rtol=1e-5)
    both = post.log_prob(draws)
    assert both.shape == (2, 5, 6)
    one = table_run.log_prob(np.asarray(draws[1, 3]), events)
    np.testing.assert_allclose(both[1, 3], one, rtol=1e-4, atol=1e-4)


def test_plain_arrays_for_tables(table_run, table_events):
    events = table_events[:6]
    a = table_run.unfold(jax.random.key(0), events.reco, num_draws=10)
    b = table_run.unfold(jax.random.key(0), events, num_draws=10)
    np.testing.assert_array_equal(a.samples, b.samples)
    found = table_run.log_prob(events.truth, events.reco)
    np.testing.assert_array_equal(found, table_run.log_prob(events.truth, events))


def test_columns_are_found_by_name(table_run, table_events):
    events = table_events[:6]
    turned = Events(reco=events.reco[:, ::-1], reco_names=("rb", "ra"))
    a, b = (table_run.unfold(jax.random.key(0), e, num_draws=10) for e in (turned, events))
    np.testing.assert_array_equal(a.samples, b.samples)


def test_what_is_not_a_run(saved, table_run, tmp_path):
    with pytest.raises(InputError, match=r"expected a run with config\.json, found none"):
        store.load(tmp_path)
    store.save_setup(tmp_path, table_run)
    with pytest.raises(InputError, match="the training is not finished"):
        store.load(tmp_path)
    (tmp_path / "preprocessing.npz").write_bytes(b"no zip file")
    with pytest.raises(InputError, match=r"problem\.json or preprocessing\.npz cannot be read"):
        store.load(tmp_path)


def test_a_state_of_another_config_is_refused(table_run, tmp_path):
    config = ConfigDict(table_run.config)
    config.model.flow.hidden = 16
    store.save_setup(tmp_path, dataclasses.replace(table_run, config=config))
    store.save_state(tmp_path, table_run.state)
    with pytest.raises(InputError, match="expected float32"):
        store.load(tmp_path)


@pytest.mark.parametrize(
    ("reco", "message"),
    [
        (np.zeros((4, 3)), r"expected an array \[n, 2\], found an array of shape \(4, 3\)"),
        (np.zeros(4), r"expected an array \[n, 2\], found an array of shape \(4,\)"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), "row 1: expected finite numbers"),
        (np.zeros((0, 2)), "expected at least one event"),
        (Events(reco=np.ones((3, 2, 4))), "expected a file of kind 'table', found 'momenta'"),
        (Events(reco=np.ones((3, 1)), reco_names=("ra",)), "expected rb as trained on, found ra"),
        ("nowhere.h5", r"nowhere\.h5: no such file"),
    ],
)
def test_measured_events_that_are_refused(table_run, reco, message):
    with pytest.raises(InputError, match=message):
        table_run.unfold(jax.random.key(0), reco, num_draws=2)


def test_other_refusals(table_run, momenta_run, table_events):
    with pytest.raises(InputError, match="log_prob: expected truth of 5 events as reco, found 4"):
        table_run.log_prob(table_events.truth[:4], table_events[:5])
    broken = np.array(table_events.truth[:5])
    broken[3] = np.nan
    with pytest.raises(InputError, match="event 3: expected a density, found NaN"):
        table_run.log_prob(broken, table_events[:5])
    with pytest.raises(InputError, match="expected a path or Events, found an array"):
        momenta_run.unfold(jax.random.key(0), np.zeros((2, 4, 4)))
    with pytest.raises(InputError, match="num_draws: expected at least 1, found 0"):
        table_run.unfold(jax.random.key(0), table_events[:2], num_draws=0)
    blind = dataclasses.replace(table_run, method=table_run.method._replace(log_prob=None))
    with pytest.raises(InputError, match="'cinn' has no explicit density"):
        blind.log_prob(table_events.truth, table_events)
    with pytest.raises(InputError, match="no explicit density"):
        blind.posterior(table_events[:2]).log_prob(table_events.truth[:2])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("method", "diffusion", "config.method: expected one of .* found 'diffusion'"),
        ("model.flow.layer", "planer", "config.model: 'cinn' cannot be built so: .*'planer'"),
        ("preprocess.coordinates.kind", "momenta", "'momenta' does not fit data of kind 'table'"),
    ],
)
def test_configs_that_do_not_fit(table_run, key, value, message):
    config = ConfigDict(table_run.config)
    config.update_from_flattened_dict({key: value})
    with pytest.raises(InputError, match=message):
        runs.assemble(config, table_run.problem, table_run.fitted)


@pytest.mark.parametrize(("events", "draws"), [(1, 1), (150, 1000), (131_073, 1), (7, 131_072), (1000, 131)])
def test_calls_are_equal_and_as_few_as_their_bound_allows(events, draws):
    size = runs.events_per_call(events, draws)
    calls = -(-events // size)
    assert size * draws <= runs.DRAWS_PER_CALL
    assert calls == -(-events // (runs.DRAWS_PER_CALL // draws))
    assert size * calls - events < calls
