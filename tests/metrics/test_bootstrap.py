"""Bootstrap errors against closed forms, with many replicas so that they are known to a few per cent."""

import numpy as np

from jaxunfold.metrics import bootstrap, calibration, distances

REPLICAS = 1000


def toy(n=4000, k=5, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    own = 0.5 * rng.normal(size=n)
    # draws of an event share a part of their deviation from the truth
    draws = truth[:, None] + 3.0 + own[:, None] + 0.3 * rng.normal(size=(n, k))
    return truth, draws, rng.uniform(0.5, 1.5, n)


def replicas_of(truth, draws, weight, replicas=REPLICAS):
    counts = bootstrap.multiplicities(len(truth), replicas, 1)
    draw_weight = np.repeat(weight[:, None] / draws.shape[1], draws.shape[1], axis=1)
    edges = distances.histogram_edges(truth, weight)
    return bootstrap.replicate(truth, draws, weight, draw_weight, counts, counts, edges), edges, draw_weight


def test_error_of_a_shift_is_that_of_a_weighted_mean_of_events():
    # W1 of ordered distributions is the difference of the means; its error counts events, not draws
    truth, draws, weight = toy()
    draws = draws + 5.0
    rep, _, _ = replicas_of(truth, draws, weight)
    per_event = draws.mean(axis=1) - truth
    mean = np.average(per_event, weights=weight)
    expected = np.sqrt(np.sum((weight * (per_event - mean)) ** 2)) / weight.sum()
    found = bootstrap.standard_error(bootstrap.wasserstein_replicas(rep))
    # 1000 replicas know a standard deviation to 2.2 per cent
    np.testing.assert_allclose(found, expected, rtol=0.09)


def test_binned_statistics_agree_with_the_exact_ones():
    truth, draws, weight = toy()
    rep, edges, draw_weight = replicas_of(truth, draws - 2.9, weight, replicas=1)
    ones = np.ones((len(truth), 1))
    rep = bootstrap.replicate(truth, draws - 2.9, weight, draw_weight, ones, ones, edges)
    args = (truth, (draws - 2.9).reshape(-1), weight, draw_weight.reshape(-1))
    np.testing.assert_allclose(bootstrap.wasserstein_replicas(rep)[0], distances.wasserstein(*args), rtol=0.02)
    np.testing.assert_allclose(bootstrap.ks_replicas(rep)[0], distances.kolmogorov_smirnov(*args), rtol=0.03)
    triangular = distances.triangular(*args, edges=edges)
    np.testing.assert_allclose(bootstrap.triangular_replicas(rep, edges)[0], triangular, rtol=1e-9)


def test_error_of_coverage_is_binomial():
    ranks = np.random.default_rng(2).uniform(size=3000)
    counts = bootstrap.multiplicities(3000, REPLICAS)
    found = bootstrap.standard_error(calibration.central_coverage(ranks, 0.68, counts))
    p = calibration.central_coverage(ranks, 0.68)[0]
    np.testing.assert_allclose(found, np.sqrt(p * (1 - p) / 3000), rtol=0.09)


def test_error_of_a_median():
    # of n Gaussian events: sqrt(pi / 2 / n)
    truth, draws, _ = toy(n=8000)
    rep, _, _ = replicas_of(truth, draws, np.ones(8000))
    median = bootstrap.quantile_replicas(rep.edges, rep.truth, np.array([0.5]))[0]
    np.testing.assert_allclose(bootstrap.standard_error(median), np.sqrt(np.pi / 2 / 8000), rtol=0.2)


def test_multiplicities_are_multinomial():
    counts = bootstrap.multiplicities(1000, 200)
    np.testing.assert_array_equal(counts.sum(axis=0), 1000)
    np.testing.assert_allclose(counts.var(), 1.0, atol=0.02)


def test_truth_and_draws_move_together():
    # draws that equal the truth stay at distance zero in every replica
    truth, _, weight = toy(n=300)
    rep, edges, _ = replicas_of(truth, np.repeat(truth[:, None], 4, axis=1), weight, replicas=20)
    assert bootstrap.wasserstein_replicas(rep).max() < 1e-10
    assert bootstrap.triangular_replicas(rep, edges).max() < 1e-10
