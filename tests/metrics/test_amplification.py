"""Quantile error: its closed form for samples of the truth, and what it is worth."""

import numpy as np
import pytest

from jaxunfold.metrics.amplification import equivalent_events, error_of_fractions, quantile_error


def test_mean_square_of_true_samples():
    """(m - 1) / N, to four standard errors of 400 samples: a false alarm in 16000 seeds."""
    rng, edges = np.random.default_rng(0), np.arange(1, 10) / 10
    squares = np.array([quantile_error(rng.uniform(size=100), edges) ** 2 for _ in range(400)])
    assert abs(squares.mean() - 9 / 100) < 4 * squares.std() / 20


def test_in_numbers():
    assert quantile_error(np.array([0.1, 0.6]), np.array([0.5])) == 0.0
    assert quantile_error(np.array([0.1, 0.2]), np.array([0.5])) == 1.0
    assert error_of_fractions(np.array([0.4, 0.6])) == pytest.approx(0.2)
    assert equivalent_events(0.3, 10) == pytest.approx(100)
