"""The ramp experiment on networks that are known: wedges whose slope and upper end vary by given widths."""

import json

import numpy as np
import pytest

from jaxunfold.config import ConfigDict
from jaxunfold.data.events import Events
from jaxunfold.data.ramps import RAMPS
from jaxunfold.errors import InputError
from jaxunfold.experiments import ramp
from jaxunfold.problem import problem_of
from jaxunfold.run import Run
from jaxunfold.types import Method, Unfolded

MEMBERS, SLOPE, END = 200, 0.08, 0.01
WEDGE = RAMPS["wedge"]


class Wedges(Run):
    """Two hundred wedges as the networks of a run."""

    def __init__(self, problem, **about):
        rng = np.random.default_rng(0)
        values = {
            "problem": problem, "config": ConfigDict({"method": "wedges"}), "about": {"train_events": 1},
            "method": Method(None, None, members=MEMBERS),
        }  # fmt: skip
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "a", rng.normal(2, SLOPE, MEMBERS))
        object.__setattr__(self, "end", rng.normal(1, END, MEMBERS))

    def events(self, reco, truth=None):
        return reco

    def member_log_prob(self, truth, reco):
        p = [np.asarray(WEDGE.density(truth[:, 0], a, 0.0, end)) for a, end in zip(self.a, self.end, strict=True)]
        return np.log(np.maximum(np.stack(p), 1e-12))

    def unfold(self, key, reco, num_draws=1, *args):
        points = WEDGE.sample(np.random.default_rng(1), len(reco) * num_draws).reshape(len(reco), num_draws, 2)
        member = np.broadcast_to(np.arange(num_draws) % MEMBERS, points.shape[:2])
        return Unfolded(points, np.zeros(points.shape[:2]), member)


@pytest.fixture(scope="module")
def events():
    nothing, points = np.zeros((400, 0), np.float32), WEDGE.sample(np.random.default_rng(2), 400)
    return Events(nothing, points, truth_names=("x", "y"), attrs={"density": "wedge"})


def test_the_fit_finds_what_varies(events, tmp_path, monkeypatch):
    """Standard deviations of 200 numbers are known to 5 per cent: 5 sigma are 25. The dip is at the middle."""
    monkeypatch.setattr(ramp, "SHARED", 20_000)
    numbers = ramp.experiment(Wedges(problem_of(events)), events, tmp_path, 40)
    assert numbers["widths"]["a"] == pytest.approx(SLOPE, rel=0.25)
    # the offset's two terms have one shape: what counts is their sum
    assert numbers["widths"]["x_max"] == pytest.approx(END, rel=0.25)
    assert numbers["dip"] == pytest.approx(0.5, abs=0.1)
    assert numbers["fit_residual"] < 0.1
    assert json.loads((tmp_path / "ramp.json").read_text())["density"] == "wedge"
    assert (tmp_path / "figures" / "marginals.png").exists()
    # shared points show the spread of the densities; own points theirs as well
    x = numbers["marginal"]["x"]
    assert x["same"] < x["own"]


def test_other_points_are_refused(events, tmp_path):
    plain = Events(events.reco, events.truth, truth_names=("x", "y"))
    with pytest.raises(InputError, match="expected points of wedge, quadratic, half_ring, found None"):
        ramp.experiment(Wedges(problem_of(plain)), plain, tmp_path, 1)
