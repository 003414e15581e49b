"""Iterated generative unfolding: the iterates of a Gaussian in closed form, the stopping rule, and the commands."""

import dataclasses
import json
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxunfold
from jaxunfold import evaluate, train
from jaxunfold.data.events import write
from jaxunfold.errors import InputError
from jaxunfold.methods import iterated
from jaxunfold.methods.iterated import Options
from jaxunfold.types import Batch, Method, Reco, Spec, Unfolded

pytestmark = pytest.mark.usefixtures("quick_compile")

PRIOR, DATA, SMEAR, N = (0.4, 0.8), (-0.2, 1.0), 0.7, 8000
SPEC = Spec(1, 1, ("a",), lambda truth, reco: {"a": truth[:, 0]})
SMALL = {"steps": 400, "batch_size": 512, "learning_rate": 1e-2, "hidden": (16,), "epochs": 6}
SMALL |= {"classifier_batch": 256, "classifier_rate": 1e-2}


class State(NamedTuple):
    params: dict
    opt_state: optax.OptState


def gaussian(spec, optimizer, *, slope=0.0) -> Method:
    """Truth given reco is normal with a mean linear in reco: the exact posterior of Gaussian truth and smearing."""

    def init(key, batch):
        params = {"slope": jnp.asarray(slope), "bias": jnp.zeros(()), "log_width": jnp.zeros(())}
        return State(params, optimizer.init(params))

    def residual(params, batch):
        mean = params["slope"] * batch.reco.features[:, 0] + params["bias"]
        return (batch.truth[:, 0] - mean) * jnp.exp(-params["log_width"])

    def loss(params, batch):
        return jnp.mean(batch.weight * (0.5 * residual(params, batch) ** 2 + params["log_width"]))

    def step(state, batch, key):
        value, grads = jax.value_and_grad(loss)(state.params, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        return State(optax.apply_updates(state.params, updates), opt_state), {"loss": value}

    def fit(key, loop):
        return loop("gauss", init, step)

    def unfold(key, state, reco, num_draws):
        p = state.params
        noise = jax.random.normal(key, (len(reco.features), num_draws, 1))
        samples = (p["slope"] * reco.features + p["bias"])[:, None] + jnp.exp(p["log_width"]) * noise
        return Unfolded(samples, jnp.zeros(samples.shape[:2]))

    return Method(fit, unfold, init=init, step=step)


def iterates(iterations):
    """(mean, width) of what every iteration unfolds to, for normal truth and smearing."""
    (mean, var), out = (PRIOR[0], PRIOR[1] ** 2), []
    for _ in range(iterations):
        gain = var / (var + SMEAR**2)  # of the posterior mean, given a measurement
        mean = mean + gain * (DATA[0] - mean)
        var = (1 - gain) * var + gain**2 * (DATA[1] ** 2 + SMEAR**2)
        out.append((mean, np.sqrt(var)))
    return np.array(out)


def sample(seed, moments, n=N):
    rng = np.random.default_rng(seed)
    truth = rng.normal(*moments, (n, 1))
    reco = truth + SMEAR * rng.normal(size=(n, 1))
    return Batch(*(jnp.asarray(a, jnp.float32) for a in (truth,)), Reco(jnp.asarray(reco, jnp.float32)), jnp.ones(n))


def trained(batch, weight=1.0):
    """The exact posterior of the prior, in place of a first training."""
    gain = PRIOR[1] ** 2 / (PRIOR[1] ** 2 + SMEAR**2)
    params = {"slope": gain, "bias": (1 - gain) * PRIOR[0], "log_width": np.log(np.sqrt(gain) * SMEAR)}
    return (
        gaussian(SPEC, optax.sgd(0.0))
        .init(None, batch)
        ._replace(params=jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params))
    )


METHODS = {"gauss": gaussian, "whole": lambda spec, optimizer: Method(None, None, step=1, whole_sample=True)}
build = partial(iterated.build, METHODS, SPEC, optax.adam(1e-2), base="gauss", base_model={})


def unfold(sim, reco, key=0, num_draws=4, **options):
    method = build(**(SMALL | options))
    state = method.init(jax.random.key(0), sim)._replace(base=trained(sim))
    return method.unfold(jax.random.key(key), state, reco, num_draws)


def test_iterates_follow_the_closed_form():
    """Of 8,000 events the mean and width have errors of 0.013 and 0.009; the classifier and 400 steps cost as much.
    A tenth of the data is background at 4, which as many events of negative weight take away again, a quarter of the
    simulation is not measured, and what it holds there is never looked at."""
    sim, data = sample(0, PRIOR), sample(1, DATA)
    far = sample(2, (4.0, 0.1), 1600).reco.features
    reco = Reco(jnp.concatenate([data.reco.features, far]), weight=jnp.ones(N + 1600).at[-800:].set(-1.0))
    seen = np.arange(N) % 4 > 0
    nowhere = jnp.where(seen[:, None], sim.reco.features, 3.0)
    hidden = sim._replace(reco=Reco(nowhere), pass_reco=jnp.asarray(seen))
    first = unfold(hidden, data.reco, iterations=1)
    assert first.samples.shape == (N, 4, 1)
    np.testing.assert_allclose((np.mean(first.samples), np.std(first.samples)), iterates(1)[0], atol=0.04)
    third = unfold(hidden, reco, iterations=3, corrections=True)
    assert int(third.info["chosen"]) == 3
    values, weight = np.asarray(third.samples)[..., 0], np.asarray(reco.weight)[:, None] * np.ones((1, 4))
    mean = np.average(values, weights=weight)
    width = np.sqrt(np.average((values - mean) ** 2, weights=weight))
    np.testing.assert_allclose((mean, width), iterates(3)[2], atol=0.06)
    # a quarter is not measured, whatever its truth, and the background adds up to nothing
    np.testing.assert_allclose(np.sum(third.yields), N / 0.75, rtol=0.02)
    # the first iteration is off by three times as much
    assert iterates(1)[0, 0] - iterates(3)[2, 0] > 0.2
    # there was more to learn in the first iteration than in the second
    assert third.info["gain"][0] > 3 * third.info["gain_error"][0]
    assert third.info["gain"][1] < third.info["gain"][0]
    assert (third.info["ess"] > 0.4).all()
    assert third.info["ess"][1] < third.info["ess"][0] < 1


def test_it_stops_at_once_where_the_data_are_as_simulated():
    """The draws' truth is the prior: a held-out gain above its error needs a fluctuation, not at this seed."""
    options = {"classifier_rate": 1e-3, "epochs": 2, "steps": 10}
    out = unfold(sample(0, PRIOR, 4000), sample(1, PRIOR, 4000).reco, stop=True, iterations=4, **options)
    assert int(out.info["chosen"]) == 1
    assert len(out.info["gain"]) == 1


def test_pseudo_experiments_are_one_program():
    """Vmapped over data samples, an iteration gives what it gives for each of them."""
    options = Options(**(SMALL | {"steps": 20, "epochs": 1}))
    parts = iterated.make_iteration(gaussian(SPEC, optax.adam(1e-2)), 1, options)
    sim, data = sample(0, PRIOR, 1000), [sample(i, DATA, 600) for i in (1, 2)]
    carry, weight = parts.start(jax.random.key(0), trained(sim)), jnp.ones(600)
    advance = jax.jit(partial(parts.advance, inputs=lambda truth, reco: truth))
    keys = jax.random.split(jax.random.key(1), 2)
    each = [advance(key, carry, sim, sim.truth, part.reco, weight) for key, part in zip(keys, data)]
    many = jax.vmap(lambda key, reco: parts.advance(key, carry, sim, sim.truth, reco, weight, lambda t, r: t))
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *[part.reco for part in data])
    found, _ = jax.jit(many)(keys, stacked)
    for i in range(2):
        expected = each[i][0].base.params
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, atol=1e-4), found.base.params, expected)
    assert abs(found.base.params["bias"][0] - found.base.params["bias"][1]) > 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": "gan"}, "base: expected one of gauss, whole, found 'gan'"),
        ({"base": "whole"}, "base: expected a generative method with one training, found 'whole'"),
        ({"iterations": 0}, "iterations: expected at least 1, found 0"),
        ({"stop": True, "held_out": 0.0}, "held_out: expected a fraction below 1, above 0 in order to stop, found 0"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(InputError, match=message):
        build(**options)


def test_through_the_commands(table_events, tmp_path, monkeypatch):
    """A table with coordinates relative to the measured event, and a flag: train, load, unfold the sample."""
    monkeypatch.setattr("jaxunfold.report.page.write_report", lambda *args, **kwargs: None)
    flagged = dataclasses.replace(table_events, pass_reco=np.arange(600) % 5 > 0)
    write(tmp_path / "data.h5", flagged)
    argv = ["--config", "configs/iterated.py:table-smoke", "--data", str(tmp_path / "data.h5")]
    argv += ["--workdir", str(tmp_path / "run"), "--config.preprocess.relative=('a',)"]
    argv += ["--config.preprocess.coordinates.reco={'a': 'ra'}", "--config.model.base_model.flow.blocks=1"]
    assert train.main([*argv, "--config.model.steps=2", "--config.data.test=0"]) == 0
    run = jaxunfold.load(tmp_path / "run")
    assert run.state.sim.reco.anchor.x.shape == (len(run.state.x), 3)
    out = run.unfold(jax.random.key(0), flagged, 3)
    assert out.samples.shape == (600, 3, 3)
    # relative to each event: the draws of a scatter about the measured value and not about all of them
    seen = flagged.pass_reco
    assert np.std(out.samples[seen, :, 0] - flagged.reco[seen, None, 0]) < 2.0
    # another run with the same draws is an alternative that shifts nothing; the other part is the data's
    write(tmp_path / "other.h5", flagged[:100])
    argv = ["--workdir", str(tmp_path / "run"), "--data", str(tmp_path / "other.h5"), "--out", str(tmp_path / "out")]
    assert evaluate.main([*argv, "--draws", "3", "--vary", f"model={tmp_path / 'run'}"]) == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["covariance"]
    assert set(found) == {"a", "b", "c"}
    for entry in found.values():
        np.testing.assert_allclose(entry["parts"]["model"], 0.0, atol=1e-9)
        np.testing.assert_allclose(entry["total"], entry["parts"]["data"])
        assert np.linalg.eigvalsh(entry["total"]).min() > -1e-6
        assert np.all(np.diag(entry["total"]) >= 0)
    assert evaluate.main([*argv, "--vary", "model"]) == 2
