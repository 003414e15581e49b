"""Spectra of a bundle against closed forms, and the files made of them as their own libraries read them."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
import yaml
from hepdata_validator.full_submission_validator import FullSubmissionValidator

from jaxunfold import export, histogram
from jaxunfold.bundle import files, hepdata, spectrum
from jaxunfold.bundle.per_event import median_and_width
from jaxunfold.data.files import write_datasets
from jaxunfold.errors import InputError
from jaxunfold.metrics import quantiles

N, K = 40, 25


def write_table(path, samples, **datasets):
    """A bundle of a table with the columns x and y, as unfold writes it."""
    every = {"samples/table": (samples, {"names": ("x", "y"), "units": ("GeV", "")})}
    every |= {"log_weights": (np.zeros(samples.shape[:2]), {}), "event": (np.arange(N), {})}
    every |= {name: (values, {}) for name, values in datasets.items()}
    attrs = {"method": "cinn", "code_version": "0", "model_hash": "a", "data_hash": "b", "events": N}
    write_datasets(path, every, attrs | files.attributes({}, {"sum": "x + y"}))
    return str(path)


@pytest.fixture(scope="module")
def draws():
    return np.random.default_rng(0).normal([3.0, 1.0], 1.0, (N, K, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, draws):
    weight = np.random.default_rng(1).uniform(0.5, 1.5, N).astype(np.float32)
    inside = np.arange(N) > 2
    return write_table(tmp_path_factory.mktemp("bundle") / "draws.h5", draws, weight=weight, in_support=inside)


EDGES = np.array([1.0, 2.0, 3.5, 6.0])


def test_values_and_covariance_are_the_definition(bundle, draws, monkeypatch):
    monkeypatch.setattr(files, "ROWS", 7 * K)
    result = files.read(bundle)
    one = spectrum.spectra(result, ["x"], [EDGES])[0]
    weight = result.draw_weight
    at = [(draws[..., 0] >= low) & (draws[..., 0] < high) for low, high in pairwise(EDGES)]
    each = np.stack([(weight * here).sum(axis=1) for here in at], axis=-1)
    np.testing.assert_allclose(one.values, each.sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(one.covariance, each.T @ each, rtol=1e-6)
    total = one.values.sum() + one.below + one.above
    np.testing.assert_allclose(total, weight.sum(), rtol=1e-6)
    assert (one.unit, one.n_events, one.outside) == ("GeV", N, 3)


def test_normalised_covariance_is_that_of_replicas(bundle):
    """Poisson replicas of the events, 4000 of them: variances to 2 / sqrt(2 * 4000), so to 0.1 at nine errors."""
    result = files.read(bundle)
    one = spectrum.spectra(result, ["x"], [EDGES], "normalised")[0]
    np.testing.assert_allclose(np.sum(one.values * np.diff(EDGES)), 1.0, rtol=1e-6)
    x = files.values(result, ["x"])[0]
    at = [(x >= low) & (x < high) for low, high in pairwise(EDGES)]
    each = np.stack([(result.draw_weight * here).sum(axis=1) for here in at], axis=-1)
    counts = np.random.default_rng(2).poisson(1.0, (4000, N)) @ each
    replicas = counts / counts.sum(axis=1, keepdims=True) / np.diff(EDGES)
    np.testing.assert_allclose(np.diag(one.covariance), replicas.var(axis=0), rtol=0.15)
    np.testing.assert_allclose(np.diff(EDGES) @ one.covariance, 0, atol=1e-12)


def test_density_is_events_by_width_and_named_observables_are_known(bundle):
    result = files.read(bundle)
    events, density = (spectrum.spectra(result, ["sum"], [EDGES], scale)[0] for scale in ("events", "density"))
    np.testing.assert_allclose(density.values * np.diff(EDGES), events.values)
    np.testing.assert_allclose(density.errors * np.diff(EDGES), events.errors)
    np.testing.assert_array_equal(events.values, spectrum.spectra(result, ["x + y"], [EDGES])[0].values)
    histogram_ = spectrum.to_hist(events)
    np.testing.assert_allclose(histogram_.values(), events.values)
    np.testing.assert_allclose(histogram_.variances(), events.errors**2)
    np.testing.assert_allclose(histogram_.values(flow=True).sum(), result.draw_weight.sum(), rtol=1e-6)


def test_one_weighted_sample_and_members(tmp_path, draws):
    """Yields count as they are; several networks are a part of their own, their spread."""
    sample = draws.reshape(1, -1, 2)
    yields = np.random.default_rng(3).uniform(0, 2, sample.shape[:2])
    member = np.arange(sample.shape[1])[None] % 3
    path = write_table(tmp_path / "one.h5", sample, yields=yields.astype(np.float32), member=member)
    result = files.read(path)
    assert not result.paired
    one = spectrum.spectra(result, ["x"], [EDGES])[0]
    np.testing.assert_allclose(one.values.sum() + one.below + one.above, yields.sum(), rtol=1e-5)
    assert set(one.covariances) == {"simulation", "network"}
    np.testing.assert_allclose(one.covariances["simulation"], np.diag(np.diag(one.covariances["simulation"])))
    assert one.outside is None


def test_momenta_and_the_sums_of_them(tmp_path, zw_events):
    """Resonances by name, the mass of two leaves from the angle between them, and columns of every component."""
    samples = zw_events.truth[:N, None].repeat(2, axis=1)
    every = {"samples/momenta": (samples, {"labels": zw_events.truth_names}), "event": (np.arange(N), {})}
    every["log_weights"] = (np.zeros((N, 2)), {})
    attrs = {"events": N, **files.attributes({"jj": ("q1", "q2")}, {})}
    write_datasets(tmp_path / "zw.h5", every, attrs)
    result = files.read(tmp_path / "zw.h5")
    one, two = files.values(result, ["mass(jj)", "mass(q1 + q2)"])
    np.testing.assert_array_equal(one, two)
    total = (zw_events.truth[:N, 2] + zw_events.truth[:N, 3]).astype(np.float64)
    np.testing.assert_allclose(one[:, 1], np.sqrt(total[:, 0] ** 2 - np.sum(total[:, 1:] ** 2, -1)), rtol=1e-3)
    assert export.main([result.path, "--out", str(tmp_path / "zw.parquet")]) == 0
    table = pq.read_table(tmp_path / "zw.parquet")
    np.testing.assert_array_equal(table["eplus_px"].to_numpy().reshape(N, 2), samples[:, :, 1, 1])


def test_quantiles_of_each_event_are_those_of_one(draws):
    log_weights = np.random.default_rng(4).normal(size=(N, K))
    median, width = median_and_width(draws[..., 0], log_weights)
    for i in range(N):
        weight = np.exp(log_weights[i])
        expected = quantiles.median_and_width(draws[i, :, 0], weight)
        np.testing.assert_allclose((median[i], width[i]), expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_hepdata_takes_the_tables(bundle, tmp_path, capsys):
    folder = tmp_path / "hepdata"
    argv = [bundle, "--observable", "x", "--bins", "1,2,3.5,6", "--observable", "x / y", "--bins", "0:4:2"]
    before = set(Path().iterdir())
    assert histogram.main([*argv, "--out", str(folder)]) == 0
    assert set(Path().iterdir()) == before
    assert "outside of the training's support" in capsys.readouterr().out
    assert FullSubmissionValidator().validate(directory=str(folder))
    documents = list(yaml.safe_load_all((folder / "submission.yaml").read_text()))
    assert [d["name"] for d in documents[1:]] == ["Spectrum 1", "Covariance 1", "Spectrum 2", "Covariance 2"]
    assert "3 of 40 measured events lie outside" in documents[0]["comment"]
    one = spectrum.spectra(files.read(bundle), ["x"], [EDGES])[0]
    table = yaml.safe_load((folder / documents[1]["data_file"]).read_text())
    values = table["dependent_variables"][0]
    np.testing.assert_allclose([float(v["value"]) for v in values["values"]], one.values, rtol=1e-3)
    np.testing.assert_allclose([float(v["errors"][0]["symerror"]) for v in values["values"]], one.errors, rtol=1e-3)
    assert {"name": "OUTSIDE OF THE TRAINING'S SUPPORT", "value": 3} in values["qualifiers"]
    assert table["independent_variables"][0]["header"] == {"name": "x", "units": "GeV"}
    covariance = yaml.safe_load((folder / documents[2]["data_file"]).read_text())["dependent_variables"][0]
    found = np.reshape([float(v["value"]) for v in covariance["values"]], (3, 3))
    np.testing.assert_allclose(found, one.covariance, rtol=1e-3)


def test_json(bundle, tmp_path):
    out = tmp_path / "spectra.json"
    assert histogram.main([bundle, "--observable", "x", "--bins", "1:6:5", "--out", str(out)]) == 0
    found = json.loads(out.read_text())["spectra"][0]
    assert len(found["values"]) == 5
    assert np.shape(found["covariance"]) == (5, 5)
    assert found["outside"] == 3


def test_parquet_and_root_hold_every_draw(bundle, tmp_path, draws, monkeypatch):
    monkeypatch.setattr(files, "ROWS", 7 * K)
    for name in ("draws.parquet", "draws.root"):
        assert export.main([bundle, "--out", str(tmp_path / name), "--observable", "ratio=y / x"]) == 0
    table = pq.read_table(tmp_path / "draws.parquet")
    with uproot.open(tmp_path / "draws.root") as file:
        tree = file["draws"].arrays(library="np")
    for columns in ({c: table[c].to_numpy() for c in table.column_names}, tree):
        assert list(columns) == ["event", "draw", "weight", "in_support", "x", "y", "sum", "ratio"]
        np.testing.assert_array_equal(columns["event"], np.repeat(np.arange(N), K))
        np.testing.assert_array_equal(columns["x"], draws[..., 0].ravel())
        np.testing.assert_allclose(columns["ratio"], (draws[..., 1] / draws[..., 0]).ravel(), rtol=1e-5)
        assert np.sum(~columns["in_support"].astype(bool)) == 3 * K
    assert sorted(p.name for p in tmp_path.iterdir()) == ["draws.parquet", "draws.root"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--observable", "z", "--bins", "0:1:2"], "observable 'z': expected one of x, y"),
        (["--observable", "x", "--bins", "3,2"], "--bins: expected LOW:HIGH:NUMBER or rising edges"),
        (["--observable", "x", "--bins", "0:1:2", "--bins", "0:1:2"], "--bins: expected one"),
        (["--observable", "log(y)", "--bins", "0:1:2"], "log(y) expected finite numbers, found others in event "),
        (["--observable", "x", "--bins", "90:91:2", "--scale", "normalised"], "expected a positive number of events"),
        (["--observable", "x", "--bins", "0:1:2", "--out", "a.txt"], "expected a folder, or a name that ends"),
    ],
)
def test_what_is_wrong_is_named(bundle, argv, words, capsys):
    assert histogram.main([bundle, *argv]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_other_files_are_refused(tmp_path, draws, capsys):
    write_datasets(tmp_path / "old.h5", {"samples/table": (draws, {})}, {})
    with pytest.raises(
        InputError, match=r"expected a result of jaxunfold.unfold \(attribute bundle = 1\), found none"
    ):
        files.read(tmp_path / "old.h5")
    assert export.main([str(tmp_path / "old.h5"), "--out", str(tmp_path / "x.parquet")]) == 2


def test_names_without_the_library(bundle, tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name=name)

    monkeypatch.setattr(hepdata.importlib, "import_module", missing)
    with pytest.raises(InputError, match="HEPData needs hepdata_lib, found none: pip install 'jaxunfold\\[io\\]'"):
        hepdata.write(tmp_path, [], "")
