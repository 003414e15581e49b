"""What the pages of numbers of event generation are computed with: masses of two jets, and the fit of their tail."""

import numpy as np
import pytest

from benchmarks import command
from benchmarks.generation import multi_jets, top_pairs
from jaxunfold import config
from jaxunfold.data import events as event_files


def test_observables_of_two_jets():
    """Back to back at eta 0 without masses: m_jj = 2 pT, no recoil; with masses, from the four-momenta."""
    table = np.array([[400.0, 0.0, 0.0, 400.0, 0.0, 0.0, 0.0], [500.0, 1.0, 50.0, 300.0, -0.5, 20.0, 0.3]])
    found = multi_jets.observables(table)
    np.testing.assert_allclose(found["m_jj"][0], 800.0)
    assert abs(found["recoil"][0]) < 1e-4
    p = []
    for pt, eta, m, phi in ((500.0, 1.0, 50.0, 0.0), (300.0, -0.5, 20.0, np.pi + 0.3)):
        x = np.array([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
        p.append([np.sqrt(x @ x + m**2), *x])
    total = np.sum(p, 0)
    np.testing.assert_allclose(found["m_jj"][1], np.sqrt(total[0] ** 2 - total[1:] @ total[1:]))
    np.testing.assert_allclose(found["recoil"][1], np.hypot(total[1], total[2]))


def test_four_parameter_fit_finds_its_own_shape():
    """3,000 masses of a power law that ends at sqrt(s): the share above 2.5 TeV within five standard errors."""
    rng = np.random.default_rng(0)
    grid = np.linspace(multi_jets.LOW, multi_jets.SQRT_S, 50_001)
    density = (1 - grid / multi_jets.SQRT_S) ** 8 * grid**-6
    cdf = np.cumsum(density) / density.sum()
    mass = np.interp(rng.uniform(size=3000), cdf, grid)
    at = int(np.searchsorted(multi_jets.TAIL, 2500))
    true = 1 - np.interp(2500, grid, cdf)
    assert abs(1 - multi_jets.four_parameters(mass)[at] - true) < 5 * np.sqrt(true / 3000)


def test_configs_of_generation_load_in_every_form():
    def method(name, form=""):
        return config.load(f"configs/{name}.py:{form}" if form else f"configs/{name}.py").method

    assert [method("generate_multi_jets", form) for form in ("", "smoke", "gan")] == ["cinn", "cinn", "gan"]
    assert [method("generate_drell_yan_met", form) for form in ("", "smoke", "gan")] == ["cinn", "cinn", "gan"]
    assert [method("generate_drell_yan_gan", form) for form in ("", "smoke", "plain", "mmd")] == ["gan"] * 4
    assert config.load("configs/generate_ttbar_gan.py").preprocess.coordinates.kind == "resonance"
    assert config.load("configs/generate_ttbar_gan.py:momenta").preprocess.coordinates.kind == "momenta"
    assert config.load("configs/generate_drell_yan_gan.py").model.moments.observables == ("m_ee",)
    assert config.load("configs/generate_drell_yan_gan.py:plain").model.moments is None


def test_numbers_of_top_pairs():
    """Halves of one sample are alike; a tenth more energy makes masses a tenth larger; leaves that balance do."""
    p = event_files.read(event_files.sample_path("ttbar"), require_truth=True).truth[:4000]
    same, more = top_pairs.judged(p[:2000], p[2000:]), top_pairs.judged(1.1 * p[:2000], p[2000:])
    assert max(abs(same[f"shift {name}"]) for name in top_pairs.LEAVES) < 0.5
    # two samples of 2,000 are further apart than 0.0616 once in 1,000; the larger of twelve once in 80
    assert same["ks worst leaf"] < 0.0616
    assert abs(same["auc"] - 0.5) < 0.05
    np.testing.assert_allclose(more["shift W+"] - same["shift W+"], 8.04, atol=0.05)
    assert same["balance"] < 1e-5
    assert top_pairs.balance(p[:, :5]) > 0.01


def test_the_worst_bin_of_leaves():
    """None between equal samples; where the events of one bin of ten stand twice, that bin is twice as high."""
    p = event_files.read(event_files.sample_path("ttbar"), require_truth=True).truth[:4000]
    assert top_pairs.bulk(p, p) == 0
    pt = np.hypot(p[:, 0, 1], p[:, 0, 2]).astype(np.float64)
    low, high = np.quantile(pt, [0.05, 0.14])
    twice = np.concatenate([p, p[(pt >= low) & (pt < high)]])
    np.testing.assert_allclose(top_pairs.bulk(twice, p), 2 * len(p) / len(twice) - 1)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--rows", "flow,GAM"], "error: --rows: expected some of 'flow', 'GAN', found 'GAM'"),
        (["--times", "1,x"], "error: --times: expected whole numbers below 9 with commas between, found 'x'"),
        (["--times", "9"], "error: --times: expected whole numbers below 9 with commas between, found '9'"),
        (["--data", "sample"], "expected a column m_ee of truth, found b, q1"),
        (["--seeds", "0"], "error: --seeds: expected 1 or more, found 0"),
    ],
)
def test_bad_input_of_a_study_is_one_line(argv, line, tmp_path, monkeypatch, capsys):
    def study(args, out):
        command.chosen("--rows", args.rows, ("flow", "GAN"))
        command.numbers("--times", args.times, below=9)
        if args.data:
            command.table(event_files.sample_path("ttbar"), ["m_ee"])

    parser = command.parser("A study.", str(tmp_path / "out"))
    for flag, default in (("--rows", "flow"), ("--times", "1,8"), ("--data", "")):
        parser.add_argument(flag, default=default)
    monkeypatch.setattr("sys.argv", ["study"])
    with pytest.raises(SystemExit) as good:
        command.run(study, parser)
    assert good.value.code == 0
    monkeypatch.setattr("sys.argv", ["study", *argv])
    with pytest.raises(SystemExit) as stop:
        command.run(study, parser)
    assert stop.value.code == 2
    errors = capsys.readouterr().err
    assert line in errors
    assert errors.count("\n") == 1
