"""Filling a response by hand, and the toy's numbers."""

import numpy as np

from jaxunfold.binned.response import fill_response
from jaxunfold.data import toys


def test_response_of_six_events_by_hand():
    truth = np.array([0.5, 0.5, 1.5, 1.5, np.nan, 9.0])
    reco = np.array([0.2, 1.7, 1.1, np.nan, 0.1, -4.0])
    at_truth = np.array([1, 1, 1, 1, 0, 1], bool)
    at_reco = np.array([1, 1, 1, 0, 1, 1], bool)
    weight = np.array([1.0, 3.0, 2.0, 6.0, 5.0, 4.0])
    edges = np.array([0.0, 1.0, 2.0])
    found = fill_response(truth, reco, edges, edges, weight, at_truth, at_reco)
    # the last event lies beyond both histograms and counts in their outermost bins
    np.testing.assert_array_equal(found.counts, [[1, 4], [3, 2]])
    np.testing.assert_array_equal(found.missed, [0, 6])
    np.testing.assert_array_equal(found.fakes, [5, 0])
    np.testing.assert_allclose(found.matrix, [[0.25, 4 / 12], [0.75, 2 / 12]])
    np.testing.assert_allclose(found.fake_fraction, [0.5, 0])
    np.testing.assert_array_equal(found.truth, [4, 12])


def test_fractions_of_the_toy():
    """A million truth events: fractions of measured events to 0.0005; five standard errors are exceeded by chance
    with probability 2e-6."""
    sample = toys.simulate(np.random.default_rng(0), 1e6)
    measured = len(sample.measured)
    fakes = np.sum(sample.pass_reco & ~sample.pass_truth)
    np.testing.assert_allclose([fakes / measured, len(sample.background) / measured], [0.1, 0.2], atol=0.0025)
    passed = sample.pass_reco[sample.pass_truth]
    # the logistic's curvature takes 0.4 per cent off the efficiency at the mean
    np.testing.assert_allclose(passed.mean(), 0.7, atol=0.01)
    assert np.isnan(sample.reco[~sample.pass_reco]).all()
    assert np.isnan(sample.truth[~sample.pass_truth]).all()
    both = sample.pass_reco & sample.pass_truth
    np.testing.assert_allclose(np.std(sample.reco[both] - sample.truth[both]), 0.5, rtol=0.005)
