"""Evenness in azimuth: chi2 and empty cells of even events, a wave of known height whatever the number of events."""

import numpy as np
import pytest

from jaxunfold.metrics.azimuth import cells, evenness


def pairs(rng, n, wave):
    """Angles with density 1 + wave cos(phi), and a second particle that is mostly back to back."""
    phi = rng.uniform(0, 2 * np.pi, 2 * n)
    phi = phi[rng.uniform(size=2 * n) * (1 + wave) < 1 + wave * np.cos(phi)][:n]
    return phi, phi + np.pi + rng.normal(0, 0.5, len(phi))


def test_even_events_have_a_chi2_of_one_and_the_empty_cells_of_statistics():
    """To four standard errors: sqrt(2 / dof) of chi2, the root of the number of cells."""
    counts = cells(*pairs(np.random.default_rng(0), 20000, 0.0), 40)
    assert counts.sum() == 20000
    found = evenness(counts)
    assert abs(found.chi2 - 1) < 4 * np.sqrt(2 / 1000)
    assert abs(found.empty - found.expected_empty) < 4 * np.sqrt(found.expected_empty)
    assert found.deviation < 0.1


@pytest.mark.parametrize("n", [20000, 200000])
def test_a_wave_has_its_height_over_root_two(n):
    """Of 1 + a cos phi the relative deviation is a / sqrt(2), to four of its errors."""
    found = evenness(cells(*pairs(np.random.default_rng(n), n, 0.3), 20))
    assert abs(found.deviation - 0.3 / np.sqrt(2)) < 4 * found.error
    assert found.error == pytest.approx(0.0072 * np.sqrt(20000 / n), rel=0.2)


def test_angles_wrap_and_rows_without_events_do_not_count():
    counts = cells(np.array([-0.1, 2 * np.pi - 0.1, 6.2]), np.array([0.1, 0.1, 6.3]), 4)
    assert counts[0, 3] == 3
    assert counts.sum() == 3
    assert evenness(counts).empty == 3
