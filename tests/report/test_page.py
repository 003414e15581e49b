"""The report on small samples: every figure is made, the page stands alone."""

import os
import re

import numpy as np
import pytest

from jaxunfold.metrics.compared import compare
from jaxunfold.metrics.groups import group_metrics
from jaxunfold.metrics.summary import evaluate_metrics
from jaxunfold.report import diagnostics, groups, labels, migration, page, spectra, style, tables

RESONANCES = {"ll": ("e-", "e+"), "jj": ("q1", "q2")}
HISTORY = [
    {"stage": "fit", "epoch": i, "step": 10 * i, "train": {"loss": 1.0 / (i + 1)}, "valid": {"loss": 1.1 / (i + 1)}}
    for i in range(3)
]


def momenta(rng, *shape):
    three = 30 * rng.normal(size=(*shape, 4, 3))
    three -= three.mean(axis=-2, keepdims=True)
    energy = np.linalg.norm(three, axis=-1, keepdims=True)
    return np.concatenate([energy, three], axis=-1).astype(np.float32)


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(0)
    mask = np.ones((200, 4), bool)
    mask[3, 3] = False
    return compare(
        momenta(rng, 200), momenta(rng, 200, 8), reco=momenta(rng, 200), mask=mask, resonances=RESONANCES,
        truth_names=("e-", "e+", "q1", "q2"), reco_names=("e-", "e+", "j1", "j2"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(150, 2))
    draws = truth[:, None] + rng.normal(size=(150, 6, 2))
    names = ("width_x", "cost $")
    return compare(truth, draws, reco=truth + 1, truth_names=names, reco_names=names, units=("cm", ""))


def test_page_of_a_table_stands_alone(table, tmp_path):
    metrics = evaluate_metrics(table, replicas=3, classifier_events=100)
    path = page.write_report(str(tmp_path), table, metrics, "A <table>", "a: 1 & 2", "run it", HISTORY)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert "A &lt;table&gt;" in text
    assert "a: 1 &amp; 2" in text
    # nothing is fetched from anywhere: images are inside, links stay on the page
    assert all(x.startswith("data:image/png;base64,") for x in re.findall(r'src="([^"]*)"', text))
    assert all(x.startswith("#") for x in re.findall(r'href="([^"]*)"', text))
    assert not re.search(r"https?://|@import|url\(", text)
    names = os.listdir(tmp_path / "figures")
    assert {x[:-4] for x in names if x.endswith(".png")} == {x[:-4] for x in names if x.endswith(".pdf")}
    assert {"spectra_0.png", "calibration.png", "training.png", "migration.png"} <= set(names)
    assert not [x for x in os.listdir(tmp_path) if x.endswith(".part")]


def test_every_figure_of_momenta_is_made(events):
    made = page.plan(page.subsample(events), HISTORY, 0)
    names = [plot.name for plot, _ in made]
    assert len(set(names)) == len(names)
    for name in ("spectra_ll", "spectra_jj", "spectra_resonances", "posteriors", "calibration", "balance"):
        assert name in names
    with style.context():
        for plot, make in made:
            assert make().axes, plot.name


def test_a_resonance_of_all_particles_that_balance_has_no_spectrum_of_its_pt(events):
    def panels(data):
        return [name for name, _, _ in dict(spectra.groups(data))["spectra_resonances"]]

    assert "pt_ll" in panels(events)
    balanced = events._replace(truth=events.truth | {"pt_ll": np.linspace(0, 1e-4, 200)})
    assert [name for name in panels(events) if name != "pt_ll"] == panels(balanced)


def test_one_shared_sample_has_spectra_but_no_posteriors(events):
    shared = compare(
        events.truth_events, events.truth_events[None], truth_names=events.truth_names, resonances=RESONANCES
    )
    names = [plot.name for plot, _ in page.plan(page.subsample(shared), None, 0)]
    assert "spectra_jj" in names
    assert not {"posteriors", "calibration", "migration"} & set(names)


def test_density_is_normalised_and_its_error_counts_events():
    rng = np.random.default_rng(2)
    values, edges = rng.uniform(size=(400, 1)), np.linspace(0, 1, 5)
    one = spectra.spectrum(values[:, 0], np.ones(400), edges)
    np.testing.assert_allclose(np.sum(one.values * np.diff(edges)), 1)
    # copies of the same draw carry no more information
    many = spectra.spectrum(np.repeat(values, 9, axis=1), np.full((400, 9), 1 / 9), edges)
    np.testing.assert_allclose(many.values, one.values)
    np.testing.assert_allclose(many.error, one.error)
    counts, _ = np.histogram(values, edges)
    np.testing.assert_allclose(one.error, np.sqrt(counts) / 400 / 0.25)


def test_spectrum_bins_hold_enough_events(events):
    for name in events.truth:
        edges = spectra.spectrum_edges(events, name)
        counts, _ = np.histogram(events.truth[name], edges)
        assert np.all(np.diff(edges) > 0)
        assert counts.min() >= spectra.MIN_EVENTS or len(counts) <= 2


def test_migration_matrix_is_a_conditional_probability():
    truth, other = np.array([0.5, 0.5, 1.5]), np.array([[0.5, 1.5], [0.5, 9.0], [1.5, np.nan]])
    matrix = migration.migration_matrix(truth, other, np.ones((3, 2)), np.array([0.0, 1, 2, 3]))
    np.testing.assert_allclose(matrix[0], [0.5, 0.25, 0])
    np.testing.assert_allclose(matrix[1], [0, 1, 0])
    assert np.isnan(matrix[2]).all()


def test_subsample_keeps_the_weight_of_events(events, monkeypatch):
    monkeypatch.setattr(style, "MAX_EVENTS", 50)
    monkeypatch.setattr(style, "MAX_DRAWS", 3)
    small = page.subsample(events)
    assert small.draws["m_jj"].shape == (50, 3)
    np.testing.assert_allclose(small.draw_weight.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("name", "unit", "tex"),
    [
        ("pt_q1", "GeV", "$p_{T,q_{1}}$ [GeV]"),
        ("eta_e-", "", r"$\eta_{e^{-}}$"),
        ("m_ll", "GeV", r"$m_{\ell\ell}$ [GeV]"),
        ("pt_mu+", "", r"$p_{T,\mu^{+}}$"),
        ("m_tbar", "GeV", r"$m_{\bar{t}}$ [GeV]"),
        ("cost $", "", r"cost \$"),
        ("width_x", "cm", "width_x [cm]"),
    ],
)
def test_labels(name, unit, tex):
    assert labels.tex(name, unit) == tex


def test_numbers_are_rounded_to_their_errors():
    assert tables.number(0.013134, 0.0012).startswith("0.0131 ")
    assert tables.number(-12.345, 0.3).startswith("−12.35 ")
    assert tables.number(None) == "–"
    assert tables.number(float("nan"), 0.1) == "–"


def test_loss_series_by_stage():
    """The lines are those that the training writes: ``training.callbacks.metrics_writer``."""
    rows = [{"stage": x, "epoch": 1, "train": {"loss": 1.0, "nll": 1.0}, "valid": {}} for x in "ab"]
    assert set(diagnostics.loss_series(rows)) == {"a: training", "b: training"}
    assert set(diagnostics.loss_series(HISTORY)) == {"training", "validation"}


def test_classes_have_figures_of_their_own(events, tmp_path):
    """Stacked spectra, spectra of each class and calibration by class; a class of fewer than two events has none."""
    number = np.arange(200) % 3 + 2
    members = {"n_jets=2": number == 2, "n_jets>=3": number >= 3, "n_jets=9": np.arange(200) < 1}
    planned = {plot.name: make for plot, make in page.plan(events, None, 0, None, members)}
    names = ["stacked", "class_n_jets-2", "class_n_jets--3", "calibration_by_class"]
    assert [name for name in planned if "class" in name or name == "stacked"] == names
    with style.context():
        for name in (names[0], names[3]):
            style.save(planned[name](), str(tmp_path), name)
    assert {f"{name}.png" for name in (names[0], names[3])} <= set(os.listdir(tmp_path))
    assert groups.label_tex("n_jets>=3") == r"$\geq$ 3 jets"
    assert groups.label_tex("n_jets=2") == "2 jets"
    assert groups.label_tex("mu<3") == "mu<3"
    metrics = {"groups": group_metrics(events, members, replicas=3)}
    assert list(metrics["groups"]) == ["n_jets=2", "n_jets>=3"]
    assert "n_jets&gt;=3" in tables.groups(metrics)
