"""Pulls of unfolded bins on toys whose networks are off by as much as they differ from each other."""

import numpy as np
import pytest

from jaxunfold.metrics import covariance, pulls
from jaxunfold.metrics.compared import compare

EDGES = np.linspace(-1.5, 1.5, 7)


def unfolded(seed, shift, n=2000, k=20, members=10):
    """Posteriors N(mean_i, 0.5) moved by one random shift for each network, and the truth by another of its kind."""
    rng = np.random.default_rng(seed)
    mean, moved = rng.normal(size=(n, 1)), shift * rng.normal(size=members + 1)
    member = np.broadcast_to(np.arange(k) % members, (n, k))
    draws = mean + 0.5 * rng.normal(size=(n, k)) + moved[member]
    # the truth is as far from their mean as a new network would be, less what ten of them have in common
    truth = mean + 0.5 * rng.normal(size=(n, 1)) + moved[-1] * np.sqrt(members / (members + 1))
    return compare(truth, draws[..., None], truth_names=("x",), member=member)


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_pulls_of_honest_networks_have_width_one(shift):
    """100 samples x 6 bins, all moved together by the shift: the width is known to 0.1; seed fixed, 3 sigma."""
    found = np.concatenate([pulls.bin_pulls(unfolded(seed, shift), "x", EDGES) for seed in range(100)])
    assert np.std(found) == pytest.approx(1, abs=0.3 if shift else 0.15)


def test_pulls_of_networks_that_are_off_are_wide():
    data = unfolded(0, 0.0)
    moved = data._replace(truth={"x": data.truth["x"] + 0.3})
    assert pulls.summary(moved, 6)["width"] > 2


def test_bins_without_any_draw_are_counted():
    """Draws end at 1, and a sixth of the truth lies beyond: a bin without an error is not left out in silence."""
    data = unfolded(0, 0.1)
    short = data._replace(draws={"x": np.minimum(data.draws["x"], 0.99)})
    last = pulls.bin_pulls(short, "x", EDGES)[-1]
    assert np.isneginf(last)
    assert pulls.summary(short, 6)["without_draws"] > pulls.summary(data, 6)["without_draws"] == 0


def test_posterior_covariance_is_that_of_the_truth():
    """3,000 truths drawn from the same posteriors; the error of an element is 0.03 of the largest, 5 of them."""
    rng = np.random.default_rng(1)
    mean, w = rng.normal(size=(150, 1)), rng.uniform(0.5, 1.5, (150, 1))
    many = covariance.posterior_covariance(mean + 0.5 * rng.normal(size=(150, 400)), w / 400, EDGES)
    truths = mean[None, ..., 0] + 0.5 * rng.normal(size=(3000, 150))
    spectra = np.stack([covariance.spectrum(t, w[:, 0], EDGES) for t in truths])
    np.testing.assert_allclose(many, covariance.replica_covariance(spectra), atol=5 * 0.03 * many.max())


def test_one_network_for_all_draws_is_no_ensemble():
    assert compare(np.zeros((5, 1)), np.zeros((5, 2, 1)), member=np.zeros((5, 2), int)).member is None
