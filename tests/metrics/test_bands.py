"""Coverage of bands whose truth is known; what a spread is made of."""

import numpy as np
import pytest

from jaxunfold.metrics.bands import conformal_factor, coverage, factor, two_way

SETS, BINS = 4000, 5


@pytest.fixture(scope="module")
def normal():
    rng = np.random.default_rng(0)
    return (rng.normal(1.0, 0.1, (SETS, BINS)) - 1.0) / 0.1


def test_exact_bands_cover_as_often_as_they_say(normal):
    """20,000 bins: 5 sigma are 0.017 and 0.008."""
    pull = normal
    assert coverage(pull, 0.68).value == pytest.approx(0.68, abs=0.017)
    assert coverage(pull, 0.95).value == pytest.approx(0.95, abs=0.008)
    assert coverage(pull, 0.68).error == pytest.approx(np.sqrt(0.68 * 0.32 / pull.size), rel=0.2)


def test_few_members_need_students_factor():
    """The mean of five members and their deviation over sqrt(5): t of four degrees of freedom; 5 sigma are 0.017."""
    x = np.random.default_rng(1).normal(size=(SETS, 5, BINS))
    pull = x.mean(1) / (x.std(1, ddof=1) / np.sqrt(5))
    assert coverage(pull, 0.68, members=5).value == pytest.approx(0.68, abs=0.017)
    assert coverage(pull, 0.68).value < 0.66
    assert factor(0.6827) == pytest.approx(1, abs=1e-4)


def test_conformal_factor_mends_bands_that_are_too_narrow(normal):
    """Bands of half the width need twice the factor; tested on other sets. 5 sigma are 0.017 each."""
    pull = normal / 0.5
    scale = conformal_factor(pull[: SETS // 2], 0.68)
    assert scale == pytest.approx(2 * factor(0.68), rel=0.05)
    assert np.mean(np.abs(pull[SETS // 2 :]) < scale) == pytest.approx(0.68, abs=0.03)


def test_two_way_analysis_finds_the_parts():
    """400 samples x 40 starts with variances 4, 1 and 0.25; the errors of the estimates are 7, 23 and 1 per cent."""
    rng = np.random.default_rng(2)
    x = 2 * rng.normal(size=(400, 1, 1)) + rng.normal(size=(1, 40, 1)) + 0.5 * rng.normal(size=(400, 40, 1))
    parts = two_way(x)
    assert parts.sample[0] == pytest.approx(4, rel=0.35)
    assert parts.start[0] == pytest.approx(1, rel=0.9)
    assert parts.both[0] == pytest.approx(0.25, rel=0.06)
    with pytest.raises(ValueError, match="at least 2 samples and 2 starts, got 1 and 5"):
        two_way(np.zeros((1, 5, 3)))
