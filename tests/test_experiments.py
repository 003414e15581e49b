"""Cuts and an injected resonance, on a run that is the identity and on one that knows only its prior."""

import json

import numpy as np
import pytest

from jaxunfold import experiments
from jaxunfold.config import ConfigDict
from jaxunfold.data.events import read, sample_path
from jaxunfold.errors import InputError
from jaxunfold.experiments import wprime
from jaxunfold.metrics.compared import compare, momenta_observables
from jaxunfold.metrics.regions import follows, in_region
from jaxunfold.problem import Problem, problem_of
from jaxunfold.run import Run
from jaxunfold.types import Method, Unfolded
from tests.conftest import LABELS, RECO_LABELS, RESONANCES, make_zw_events


@pytest.fixture(scope="module")
def events():
    return make_zw_events(3000)


def test_region_by_hand(events):
    keep = in_region(events, {"pt_j1": (30, 60), "pt_e-": (20, None)})
    pt = np.hypot(events.reco[..., 1], events.reco[..., 2])
    np.testing.assert_array_equal(keep, (pt[:, 2] >= 30) & (pt[:, 2] < 60) & (pt[:, 0] >= 20))
    with pytest.raises(InputError, match="found 'pt_q1'"):
        in_region(events, {"pt_q1": (30, 60)})


def lined_up(events, samples):
    return compare(events.truth, samples, None, events.reco, events.mask, None, truth_names=LABELS,
                   reco_names=RECO_LABELS, resonances=RESONANCES)  # fmt: skip


def test_what_follows_and_what_does_not(events):
    """Draws equal to the truth follow to 100 per cent; draws of all events, whatever the cut, do not at all."""
    keep = in_region(events, {"pt_j1": (10, 40)})
    everything = lined_up(events, events.truth[:, None])
    cut = lined_up(events[keep], events.truth[keep][:, None])
    assert follows(cut, everything, "pt_q1")["followed"] == 1
    assert follows(cut, everything, "pt_q1")["triangular"] == 0
    assert follows(cut, everything, "pt_q1")["bulk_deviation"] == 0
    rng = np.random.default_rng(0)
    prior = events.truth[rng.integers(0, len(events), (keep.sum(), 4))]
    ignorant = follows(lined_up(events[keep], prior), everything, "pt_q1")
    assert abs(ignorant["followed"]) < 0.1
    assert ignorant["triangular_to_all"] < 0.2 * ignorant["triangular"]
    assert follows(everything, everything, "pt_q1")["followed"] is None


class Truthful(Run):
    """A run without a network whose draws are the truth."""

    resonances = RESONANCES
    unconditional = False

    def __init__(self, problem: Problem, **config):
        settings = {"problem": problem, "config": ConfigDict({"method": "truthful", **config})}
        for name, value in (settings | {"method": Method(None, None)}).items():
            object.__setattr__(self, name, value)

    def events(self, reco, truth=None):
        return reco

    def unfold(self, key, reco, num_draws=1, *args):
        samples = np.repeat(reco.truth[:, None], num_draws, axis=1)
        return Unfolded(samples, np.zeros(samples.shape[:2]))


def test_cuts_end_to_end(tmp_path, events):
    run = Truthful(problem_of(events), cuts={"low": {"pt_j1": (10, 40)}, "high": {"pt_j1": (40, None)}})
    numbers = experiments.experiment_of("cuts")(run, events, tmp_path, 3)
    assert sorted(numbers) == ["all events", "high", "low"]
    assert numbers["low"]["observables"]["pt_q1"]["followed"] == pytest.approx(1)
    assert numbers["low"]["events"] + numbers["high"]["events"] <= len(events)
    assert set(numbers["high"]["observables"]) == {"pt_q1", "pt_q2", "pt_jj", "m_jj"}
    assert json.loads((tmp_path / "cuts.json").read_text())["high"] == numbers["high"]
    page = (tmp_path / "index.html").read_text()
    assert page.count("<img") == 4
    assert "GeV" in page


def test_a_region_without_events_is_refused(tmp_path, events):
    run = Truthful(problem_of(events), cuts={"none": {"pt_j1": (5000, None)}})
    with pytest.raises(InputError, match="expected at least 50 events in each region, found 0 in none"):
        experiments.experiment_of("cuts")(run, events, tmp_path, 3)


def test_wprime_end_to_end(tmp_path, events):
    """The embedded W' events among Z W pairs: a tenth of the sample, their peak at 1.3 TeV at truth level."""
    numbers = experiments.experiment_of("wprime")(Truthful(problem_of(events)), events, tmp_path, 2)
    assert numbers["injected"] == pytest.approx(numbers["events"] / 10, abs=1)
    assert numbers["peak"]["truth"]["median"] == pytest.approx(1300, abs=5)
    truth, found = (numbers["peak"][level] for level in ("truth", "unfolded"))
    assert found["median"] == pytest.approx(truth["median"], rel=1e-3)
    assert found["off"] == pytest.approx(found["median"] / 1300 - 1)
    assert numbers["window"]["truth"]["share"] == pytest.approx(0.1, abs=0.02)
    assert numbers["observables"]["m_total"]["triangular"] == 0
    assert (tmp_path / "index.html").read_text().count("<img") == 2


def test_embedded_signal_has_its_mass():
    signal = read(sample_path("wprime"), require_truth=True)
    mass = momenta_observables(signal.truth, LABELS, {"total": LABELS})[wprime.TOTAL]
    assert len(signal) == 2000
    # the median of a Breit-Wigner of width 15 has an error of pi / 4 * 15 / sqrt(2000) = 0.26; the PDFs pull it down
    assert np.median(mass) == pytest.approx(1300, abs=3)


def test_unknown_experiment_and_too_few_events():
    with pytest.raises(InputError, match="expected one of cuts, wprime, ramp, found 'zprime'"):
        experiments.check_name("zprime")
    experiments.check_name("")
    few = make_zw_events(2)
    with pytest.raises(InputError, match="expected events enough"):
        wprime.injected(few, few)
