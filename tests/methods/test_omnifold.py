"""OmniFold: iterates of a Gaussian in closed form, efficiencies, fakes, background, and the commands."""

import json
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

import jaxunfold
from jaxunfold import compare, config, evaluate, problem, run, train, unfold
from jaxunfold.data import preprocess
from jaxunfold.data.events import Events, read, write
from jaxunfold.errors import InputError
from jaxunfold.methods import omnifold
from jaxunfold.methods.omnifold import Options, unfold_events

SMALL = Options(iterations=2, hidden=(16,), epochs=8, batch_size=256, learning_rate=1e-2, held_out=0.1)
N = 4000

pytestmark = pytest.mark.usefixtures("quick_compile")


def gaussian_iterates(sim, data, smearing, iterations):
    """(mean, width) of truth after each iteration for normal truth and smearing: thesis Eq. (1.41) in closed form."""
    mean, var = sim
    out = []
    for _ in range(iterations):
        gain = var / (var + smearing**2)  # of the posterior mean, given a measurement
        mean = mean + gain * (data[0] - mean)
        var = (1 - gain) * var + gain**2 * (data[1] + smearing**2)
        out.append((mean, np.sqrt(var)))
    return np.array(out)


def moments(x, log_weights, weight=1.0):
    w = np.exp(log_weights.astype(np.float64)) * weight
    mean = np.average(x, weights=w)
    return mean, np.sqrt(np.average((x - mean) ** 2, weights=w)), w.sum()


def test_closed_form_has_the_published_numbers():
    found = gaussian_iterates((0.2, 0.64), (0.0, 1.0), 0.5, 3)
    np.testing.assert_allclose(found, [(0.0562, 0.9089), (0.0131, 0.9636), (0.0028, 0.9864)], atol=6e-5)


@pytest.fixture(scope="module")
def toy():
    """Truth N(0.4, 0.8) in simulation and N(0, 1) in data, smeared by 0.5."""
    rng = np.random.default_rng(0)
    sim, data = rng.normal(0.4, 0.8, (N, 1)), rng.normal(0, 1, (N, 1))
    return sim, sim + 0.5 * rng.normal(size=(N, 1)), data + 0.5 * rng.normal(size=(N, 1))


@pytest.fixture(scope="module")
def plain(toy, quick_compile):
    return unfold_events(jax.random.key(0), *toy, options=SMALL)


def test_iterates_follow_the_closed_form(toy, plain):
    """Within 0.06: 3 times the statistical error of 4,000 events, and what 8 epochs of 16 units leave."""
    expected = gaussian_iterates((0.4, 0.64), (0.0, 1.0), 0.5, 2)
    found = [moments(toy[0][:, 0], lw) for lw in plain.log_weights]
    np.testing.assert_allclose([f[:2] for f in found], expected, atol=0.06)
    np.testing.assert_allclose([f[2] for f in found], N, rtol=0.04)
    assert plain.chosen == 2
    assert ((plain.ess > 0.3) & (plain.ess <= 1)).all()
    assert (plain.max_share > 1 / N).all()
    # the first step 1 has a lot to learn, the second less
    assert plain.gain[0] > 5 * plain.gain_error[0]
    assert plain.gain[1] < plain.gain[0]
    np.testing.assert_array_equal(plain.final, plain.log_weights[-1])


def test_efficiency_background_and_generator_weights_drop_out(toy):
    """Half the events are lost, at a rate that depends on truth, 20 per cent of the data is background, and the
    simulation has weights of both signs: the result stays within 0.08 of the closed form without all that."""
    rng = np.random.default_rng(1)
    truth, reco, data = toy
    lost = rng.random(N) > 1 / (1 + np.exp(-truth[:, 0]))
    reco = np.where(lost[:, None], np.nan, reco)  # never looked at
    # a copy of a tenth of the events with weight -1 takes a tenth away that was there twice
    copies = np.flatnonzero(np.arange(N) % 10 == 0)
    again = np.concatenate([np.arange(N), copies, copies])
    weight = np.concatenate([np.ones(N), np.ones(len(copies)), -np.ones(len(copies))])
    kept = data[rng.random(N) < 1 / (1 + np.exp(-(data[:, 0] * 0.8)))]  # stands for the truth's efficiency
    background = rng.normal(2.0, 0.3, (800, 1))
    found = unfold_events(
        jax.random.key(0), truth[again], reco[again], np.concatenate([kept, background[:400]]),
        sim_weight=weight, pass_reco=~lost[again], background_reco=background[400:], options=SMALL,
    )  # fmt: skip
    without = unfold_events(jax.random.key(0), truth[~lost], reco[~lost], kept, options=SMALL)
    everywhere = moments(truth[again][:, 0], found.final, weight)
    expected = moments(truth[~lost][:, 0], without.final)
    measured = moments(truth[again][~lost[again], 0], found.final[~lost[again]], weight[~lost[again]])
    np.testing.assert_allclose(measured[:2], expected[:2], atol=0.08)
    # what was lost comes back: the average weight at a truth is the same for lost and measured events
    assert everywhere[2] > 1.6 * measured[2]
    assert everywhere[0] < measured[0] - 0.1


def test_fakes_are_taken_away_by_either_rule(toy):
    """A quarter of the simulation and of the data have no truth and lie at 3: all that is left is the signal."""
    truth, reco, data = toy
    far = np.random.default_rng(2).normal(3.5, 0.2, (N // 2, 1))
    sim_reco, measured = np.concatenate([reco, far[: N // 4]]), np.concatenate([data, far[N // 4 :]])
    sim_truth = np.concatenate([truth, np.full((N // 4, 1), np.nan)])
    pass_truth = np.arange(len(sim_truth)) < N
    for fakes in omnifold.FAKES:
        options = SMALL._replace(fakes=fakes, iterations=1)
        found = unfold_events(
            jax.random.key(1), sim_truth, sim_reco, measured, pass_truth=pass_truth, options=options
        )
        mean, _, total = moments(truth[:, 0], found.final[pass_truth])
        assert abs(mean - 0.4 / (1 + 0.64 / 0.25)) < 0.08, fakes
        assert abs(total / N - 1) < 0.1, fakes
        np.testing.assert_array_equal(found.final[~pass_truth], 0)


def test_replicas_and_members_are_one_program_and_the_stopping_rule(toy):
    """Closure: data from the simulation's own truth. Step 1 finds nothing and the first iteration is not used."""
    truth, reco, other = toy[0][: N // 2], toy[1][: N // 2], toy[1][N // 2 :]
    options = SMALL._replace(stop=True, replicas=2, members=2, epochs=2, warm=False, learning_rate=1e-3)
    found = unfold_events(jax.random.key(0), truth, reco, other, options=options)
    assert (len(found.log_weights), found.chosen) == (1, 0)
    assert found.replicas.shape == (1, 2, N // 2)
    assert np.abs(found.replicas[0, 0] - found.replicas[0, 1]).max() > 0
    np.testing.assert_array_equal(found.final, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_reco": np.zeros((3, 2))}, r"data_reco: expected \[n, 1\] and weights \[n\], found \(3, 2\)"),
        ({"data_reco": np.array([[np.nan]])}, "data_reco: expected finite numbers, found 1"),
        ({"sim_weight": np.ones(3)}, r"sim_weight: expected an array \[4000\], found \(3,\)"),
        ({"pass_reco": np.zeros(N)}, "expected at least 2 events that pass"),
        ({"background_reco": np.zeros((2 * N, 1))}, "data: expected more of it than of background"),
        ({"options": Options(fakes="none")}, "fakes: expected one of fraction, rate, found 'none'"),
        ({"options": Options(iterations=0)}, "iterations: expected at least 1, found 0"),
        ({"options": Options(stop=True, held_out=0.0)}, "held_out: expected a fraction"),
    ],
)
def test_refusals(toy, change, message):
    names = ("sim_truth", "sim_reco", "data_reco")
    with pytest.raises(InputError, match=message):
        unfold_events(jax.random.key(0), **(dict(zip(names, toy)) | change))


# --- as a method, through the commands

TINY = (
    "--config", "configs/omnifold.py:table-smoke", "--config.model.epochs=1", "--config.model.stop=False",
)  # fmt: skip


@pytest.fixture(scope="module")
def file(table_events, tmp_path_factory, quick_compile):
    """A table with flags: what fails at reco level holds zeros."""
    rng = np.random.default_rng(3)
    seen, inside = rng.random(600) < 0.8, rng.random(600) < 0.9
    reco = np.where(seen[:, None], table_events.reco, 0).astype(np.float32)
    names = {"truth_names": table_events.truth_names, "reco_names": table_events.reco_names}
    path = tmp_path_factory.mktemp("omnifold") / "flags.h5"
    flags = {"pass_truth": inside, "pass_reco": seen}
    write(path, Events(reco, table_events.truth, weight=table_events.weight, **flags, **names))
    return str(path)


@pytest.fixture(scope="module")
def workdir(file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxunfold.report.page.write_report", lambda *args, **kwargs: None)
        assert train.main([*TINY, "--data", file, "--workdir", str(folder)]) == 0
    return str(folder)


def test_train_leaves_the_simulation_and_metrics_of_one_weighted_sample(workdir, file):
    trained, events = jaxunfold.load(workdir), read(file)
    assert len(trained.state.weight) == trained.about["rows"] == 480
    metrics = json.loads((Path(workdir) / "report" / "metrics.json").read_text())
    # truth events of the test part on one side, of the training part on the other
    assert metrics["n_events"] < 120
    assert metrics["draws"] == int(np.sum(trained.state.pass_truth)) < 480
    assert metrics["observables"]["a"]["calibration_max_deviation"] is None
    assert metrics["classifier_auc"] is None
    assert len(metrics["info"]["ess"]) == 2
    assert len(events) == 600


def test_unfold_and_evaluate_a_file(workdir, file, tmp_path, monkeypatch, capsys):
    assert unfold.main(["--workdir", workdir, "--data", file, "--out", str(tmp_path / "out.h5")]) == 0
    assert "weighted draws for all events" in capsys.readouterr().out
    state = jaxunfold.load(workdir).state
    with h5py.File(tmp_path / "out.h5") as out:
        k = int(np.sum(state.pass_truth))
        assert out["samples/table"].shape == (1, k, 3)
        assert out["log_weights"].shape == out["sample_weight"].shape == (1, k)
        assert np.isfinite(out["samples/table"][:]).all()
        np.testing.assert_allclose(out["sample_weight"][0], state.weight[np.asarray(state.pass_truth)])
        assert out["info/ess"].shape == (2,)
    monkeypatch.setattr("jaxunfold.report.page.write_report", lambda *args, **kwargs: None)
    argv = ["--workdir", workdir, "--data", file, "--out", str(tmp_path / "evaluated")]
    assert evaluate.main(argv) == 0
    with pytest.raises(InputError, match="'omnifold' unfolds a sample, and not single events"):
        jaxunfold.load(workdir).posterior(file)


def test_coordinates_relative_to_the_measured_event_are_refused(table_events):
    section = {
        "coordinates": {"kind": "columns", "reco": {"a": "ra"}}, "features": {"kind": "table"}, "relative": ("a",),
    }  # fmt: skip
    conf = ConfigDict({"method": "omnifold", "resonances": {}, "preprocess": section, "model": {}})
    posed = problem.problem_of(table_events)
    fitted = preprocess.fit(problem.make_pipeline(conf, posed), table_events)
    with pytest.raises(InputError, match=r"'omnifold' cannot be built so: preprocess.relative: expected \(\)"):
        run.assemble(conf, posed, fitted)


def test_compare_beside_itself(workdir, file, tmp_path, monkeypatch):
    other = tmp_path / "other"
    write(tmp_path / "other.h5", read(file)[:500])
    argv = [*TINY, "--data", str(tmp_path / "other.h5"), "--workdir", str(other), "--config.data.test=0"]
    assert train.main(argv) == 0
    monkeypatch.setattr(compare, "write_comparison", lambda *args, **kwargs: None)
    argv = ["--workdirs", f"{workdir},{other}", "--data", file, "--out", str(tmp_path / "out")]
    assert compare.main(argv) == 0
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    # each against the truth-level events of the first run's test part
    assert {metrics["n_events"] for metrics in found["runs"].values()} == {found["runs"]["other"]["n_events"]}
    assert [len(metrics["observables"]) for metrics in found["runs"].values()] == [3, 3]
    assert config.load("configs/omnifold.py:smoke").model.epochs < config.load("configs/omnifold.py").model.epochs
