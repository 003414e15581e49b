"""Histogram distances of the plane against closed forms, and the published scores' definition."""

import numpy as np
import pytest

from jaxunfold.data.rings import TOYS, sample
from jaxunfold.metrics import plane

ot = pytest.importorskip("ot")
REACH = (8.0, 4.0)


def one_bin(i, j, bins=10):
    out = np.zeros((bins, bins))
    out[i, j] = 1.0
    return out


def test_jensen_shannon_is_zero_for_equal_and_log_two_for_disjoint_ones():
    p = np.full((4, 4), 1 / 16)
    assert plane.jensen_shannon(p, p) == 0
    np.testing.assert_allclose(plane.jensen_shannon(one_bin(0, 0), one_bin(1, 1)), np.log(2))
    # p = (1, 0), q = (1/2, 1/2): (3 log(4/3) - log(2) ... ) in closed form
    expected = 0.5 * np.log(4 / 3) + 0.5 * (0.5 * np.log(2 / 3) + 0.5 * np.log(2))
    np.testing.assert_allclose(plane.jensen_shannon(np.array([1.0, 0.0]), np.array([0.5, 0.5])), expected)


def test_earth_mover_of_a_shift_is_the_shift():
    p, q = 0.5 * (one_bin(2, 3) + one_bin(5, 5)), 0.5 * (one_bin(4, 3) + one_bin(7, 5))
    np.testing.assert_allclose(plane.earth_mover(p, q, REACH), 2 * 1.6)
    # half of the earth is where it should be
    np.testing.assert_allclose(
        plane.earth_mover(one_bin(0, 0), 0.5 * (one_bin(0, 0) + one_bin(0, 5)), REACH), 0.5 * 5 * 0.8
    )


def test_surplus_alone_gives_the_same_as_all_bins():
    """The plan on both whole histograms, which is what Eq. (4.5) asks for."""
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(36)).reshape(6, 6), rng.dirichlet(np.ones(36)).reshape(6, 6)
    width = 2 * np.array(REACH) / 6
    points = np.stack(np.meshgrid(*(np.arange(6) * w for w in width), indexing="ij"), -1).reshape(-1, 2)
    whole = ot.emd2(p.ravel(), q.ravel(), ot.dist(points, points, metric="euclidean"))
    np.testing.assert_allclose(plane.earth_mover(p, q, REACH), whole, rtol=1e-9)


def test_histogram_counts_weights_and_what_lies_outside():
    x = np.array([[-8.0, -4.0], [7.99, 3.99], [0.1, 0.1], [9.0, 0.0]])
    share, outside = plane.histogram(x, REACH, 10, np.array([1.0, 2.0, 1.0, 4.0]))
    assert outside == 0.5
    np.testing.assert_allclose([share[0, 0], share[9, 9], share[5, 5]], [0.25, 0.5, 0.25])
    expected = np.histogram2d(x[:, 0], x[:, 1], 10, [[-8, 8], [-4, 4]])[0] / 3
    np.testing.assert_allclose(plane.histogram(x, REACH, 10)[0], expected)


@pytest.mark.parametrize("name", TOYS)
def test_two_samples_of_a_toy_have_the_score_that_statistics_give(name):
    """The mean JSD of two samples of n points each in b bins is (b - 1) / (4 n) where every bin holds many;
    the raw one is that over the bins' area. Four bins an axis: sixteen standard errors are allowed."""
    toy, n = TOYS[name], 50_000
    rng = np.random.default_rng(0)
    found = [
        plane.scores(sample(rng, toy, n), sample(rng, toy, n), toy.reach, bins=4, with_emd=False) for _ in range(20)
    ]
    expected = 15 / (4 * n)
    assert np.mean([s.jsd for s in found]) < 16 * expected / np.sqrt(20)
    area = 4 * toy.reach[0] * toy.reach[1] / 16
    np.testing.assert_allclose([s.jsd_raw for s in found], [s.jsd / area for s in found])
