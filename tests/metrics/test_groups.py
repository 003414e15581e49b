"""Metrics of classes of events are those of the events alone."""

import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.metrics.compared import compare
from jaxunfold.metrics.distances import cdf_difference
from jaxunfold.metrics.groups import group_metrics, restrict, split_by


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(0)
    truth, n_jets = rng.normal(size=(300, 2)), rng.integers(1, 7, 300)
    draws = truth[:, None] + rng.normal(size=(300, 9, 2)) + (n_jets == 3)[:, None, None]
    return compare(truth, draws, reco=truth, truth_names=("a", "b"), reco_names=("a", "b")), n_jets.astype(np.float32)


def test_classes_reach_to_the_next_edge_and_the_last_one_has_no_end():
    values = np.array([1, 2, 2.5, 3, 4, 9])
    found = split_by({"n": values}, {"n": (2, 3, 4)})
    assert {label: values[rows].tolist() for label, rows in found.items()} == {
        "n=2": [2, 2.5], "n=3": [3], "n>=4": [4, 9],
    }  # fmt: skip
    assert list(split_by({"n": values}, {"n": (1.5, 3)})) == ["1.5<=n<3", "n>=3"]


def test_metrics_of_a_class_are_those_of_its_events_alone(events):
    data, n_jets = events
    members = split_by({"n_jets": n_jets}, {"n_jets": (2, 3, 4)})
    found = group_metrics(data, members, seed=1, replicas=3)
    assert list(found) == ["n_jets=2", "n_jets=3", "n_jets>=4"]
    for label, keep in (("n_jets=3", n_jets == 3), ("n_jets>=4", n_jets >= 4)):
        assert found[label]["n_events"] == keep.sum()
        _, difference = cdf_difference(
            data.truth["a"][keep], data.draws["a"][keep].ravel(), np.ones(keep.sum()), np.ones(9 * keep.sum())
        )
        np.testing.assert_allclose(found[label]["observables"]["a"]["ks"], np.abs(difference).max(), rtol=1e-6)
        assert "classifier_auc" not in found[label]
    # only the draws of class 3 are shifted, by one of their own widths, which its calibration sees
    shifted, others = (found[x]["observables"]["a"]["calibration_max_deviation"] for x in ("n_jets=3", "n_jets>=4"))
    assert shifted > others + 0.2


def test_restriction_takes_everything_of_an_event(events):
    data, n_jets = events
    part = restrict(data, n_jets == 2)
    np.testing.assert_array_equal(part.samples, data.samples[n_jets == 2])
    np.testing.assert_array_equal(part.draws["b"], data.samples[n_jets == 2][..., 1])
    np.testing.assert_array_equal(part.reco_events, data.reco_events[n_jets == 2])


def test_refusals(events):
    with pytest.raises(InputError, match=r"evaluation.groups: expected columns among \('n',\), found 'm'"):
        split_by({"n": np.ones(3)}, {"m": (1,)})
    with pytest.raises(InputError, match=r"evaluation.groups.n: expected rising edges, found \(3, 2\)"):
        split_by({"n": np.ones(3)}, {"n": (3, 2)})
    data, _ = events
    shared = compare(data.truth_events, data.samples[:1], truth_names=("a", "b"))
    with pytest.raises(InputError, match="expected draws of each event"):
        restrict(shared, np.arange(3))
