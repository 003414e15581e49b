"""Truth projection, matching and the record look-up, on momenta made by hand."""

import numpy as np
import pytest

from jaxunfold.simulation.chunk import pythia_seed
from jaxunfold.simulation.detector import massless
from jaxunfold.simulation.generator import match_records
from jaxunfold.simulation.selection import order_by_angle, order_by_pt, project_massless

LABELS, TREE = ("e-", "e+", "q1", "q2"), {"ll": ("e-", "e+"), "jj": ("q1", "q2")}


def event(rng, n, mass=0.0):
    three = rng.normal(size=(n, 4, 3)) * 40
    return np.concatenate([np.sqrt((three**2).sum(-1, keepdims=True) + mass**2), three], -1)


def test_projection_is_massless_and_keeps_the_bosons():
    p = event(np.random.default_rng(0), 500, mass=1.5)
    out = project_massless(p, LABELS, TREE)
    mass2 = out[..., 0] ** 2 - (out[..., 1:] ** 2).sum(-1)
    np.testing.assert_allclose(mass2, 0, atol=1e-8)
    np.testing.assert_allclose(out[:, 0] + out[:, 1], p[:, 0] + p[:, 1], rtol=1e-12)
    np.testing.assert_allclose(out[:, 2] + out[:, 3], p[:, 2] + p[:, 3], rtol=1e-12)


def test_projection_leaves_massless_momenta_alone():
    p = event(np.random.default_rng(1), 100)
    np.testing.assert_allclose(project_massless(p, LABELS, TREE), p, rtol=1e-9, atol=1e-9)


def test_quarks_follow_their_jets():
    rng = np.random.default_rng(2)
    truth = event(rng, 200)
    reco = truth[:, [0, 1, 3, 2]] * 1.1
    np.testing.assert_array_equal(order_by_angle(truth, reco), truth[:, [0, 1, 3, 2]])
    np.testing.assert_array_equal(order_by_angle(truth, truth), truth)


def test_matching_goes_around_the_circle():
    truth = massless(np.full(4, 50.0), np.zeros(4), np.array([0.5, -0.5, 3.1, 0.0]))[None]
    reco = massless(np.full(4, 50.0), np.zeros(4), np.array([0.5, -0.5, -3.1, 1.0]))[None]
    np.testing.assert_array_equal(order_by_angle(truth, reco), truth)


def test_order_by_pt():
    truth = event(np.random.default_rng(3), 200)
    out = order_by_pt(truth, truth)
    pt = np.hypot(out[..., 1], out[..., 2])
    assert (pt[:, 2] >= pt[:, 3]).all()
    np.testing.assert_allclose(out.sum(1), truth.sum(1), rtol=1e-12, atol=1e-11)


def test_records_are_found_though_some_events_failed():
    records = np.random.default_rng(4).random((50, 18))
    kept = np.array([3, 4, 10, 49])
    np.testing.assert_array_equal(match_records(records, records[kept, :2]), records[kept, 2:].reshape(4, 4, 4))
    with pytest.raises(RuntimeError, match="matches no recorded"):
        match_records(records, np.array([[0.5, 2.0]]))


def test_neighbouring_seeds_share_no_random_stream():
    seeds = {pythia_seed(seed, index) for seed in range(5) for index in range(200)}
    assert len(seeds) == 1000
    assert min(seeds) >= 1
    assert max(seeds) <= 900_000_000
