"""Effective sample size of autoregressive chains, n (1 - a) / (1 + a), and of chains that do not mix."""

import numpy as np
import pytest
from scipy.signal import lfilter

from jaxunfold.metrics.chains import effective_sample_size


@pytest.mark.parametrize("a", [0.0, 0.5, 0.9])
def test_autoregressive_chains(a):
    """Within a tenth; the estimate's spread here is about 3 per cent."""
    noise = np.random.default_rng(0).normal(size=(5000, 20))
    noise[0] /= np.sqrt(1 - a**2)
    x = lfilter([1], [1, -a], noise, axis=0)
    np.testing.assert_allclose(effective_sample_size(x), 100_000 * (1 - a) / (1 + a), rtol=0.1)


def test_chains_in_modes_of_their_own_are_worth_little():
    x = np.random.default_rng(0).normal(size=(2000, 20)) + 10 * (np.arange(20) % 2)
    assert effective_sample_size(x) < 60


def test_what_is_not_finite_is_not_hidden():
    assert np.isnan(effective_sample_size(np.array([[1.0], [np.nan], [2.0]])))
