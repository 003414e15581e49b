"""Propagated uncertainties against the thesis's formulas; the fit finds widths that were put in."""

import numpy as np
import pytest
from scipy.integrate import quad

from jaxunfold.data.ramps import RAMPS
from jaxunfold.metrics.fit_like import fit_widths, local_minima, propagated

X = np.linspace(0.05, 0.95, 31)
R = np.linspace(1.5, 6.5, 31)


def test_wedge_is_eq_3_26():
    a = RAMPS["wedge"].parameters["a"]
    slopes = propagated(RAMPS["wedge"].density, RAMPS["wedge"].parameters, X)
    np.testing.assert_allclose(slopes["a"], np.abs(X - 0.5), atol=1e-6)
    np.testing.assert_allclose(slopes["x_max"], 1 + a / 2, rtol=1e-6)
    np.testing.assert_allclose(slopes["x_min"], 1 - a / 2, atol=1e-6)


def test_quadratic_ramp_is_eq_3_30():
    slopes = propagated(RAMPS["quadratic"].density, RAMPS["quadratic"].parameters, X)
    np.testing.assert_allclose(slopes["x_0"], 9 * np.abs(X * (X - 2 / 3)), atol=1e-5)
    np.testing.assert_allclose(slopes["x_max"], 9 * X**2, rtol=1e-5)


def test_half_ring_is_eq_3_34_with_its_lost_factor():
    slopes = propagated(RAMPS["half_ring"].density, RAMPS["half_ring"].parameters, R)
    common = np.exp(-((R - 4) ** 2) / 2) / np.sqrt(2 * np.pi) / (np.pi * R)
    np.testing.assert_allclose(slopes["mu"], common * np.abs(4 - R), atol=1e-7)
    np.testing.assert_allclose(slopes["w"], common * np.abs((R - 4) ** 2 - 1), atol=1e-7)


@pytest.mark.parametrize("name", RAMPS)
def test_densities_integrate_to_one(name):
    """In the plane: dx dy on the square, r dr dphi on the half circle."""
    ramp = RAMPS[name]
    p = lambda u: float(ramp.density(np.float64(u), *ramp.parameters.values()))  # noqa: E731
    total = quad(lambda r: p(r) * np.pi * r, 1e-3, 12)[0] if ramp.across == "r" else quad(p, 0, 1)[0]
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", RAMPS)
def test_points_follow_the_density(name):
    """50,000 points: ten equally likely bins across within 5 sigma; false alarm 3e-5 over all."""
    ramp, n = RAMPS[name], 50_000
    points = ramp.sample(np.random.default_rng(3), n)
    u = np.linalg.norm(points, axis=1) if ramp.across == "r" else points[:, 0]
    fine = np.linspace(*((0.01, 9) if ramp.across == "r" else (0, 1)), 4001)
    p = np.asarray(ramp.density(fine, *ramp.parameters.values())) * (np.pi * fine if ramp.across == "r" else 1)
    cdf = np.concatenate([[0], np.cumsum((p[1:] + p[:-1]) / 2)])
    counts = np.histogram(np.interp(u, fine, cdf / cdf[-1]), 10, (0, 1))[0]
    assert np.abs(counts - n / 10).max() < 5 * np.sqrt(0.09 * n)


def test_fit_finds_the_widths_and_none_is_negative():
    slopes = propagated(RAMPS["quadratic"].density, RAMPS["quadratic"].parameters, X)
    true = {"x_0": 0.03, "x_max": 0.01}
    spread = np.sqrt(sum((slopes[k] * v) ** 2 for k, v in true.items()))
    fit = fit_widths(slopes, spread)
    assert fit.widths == pytest.approx(true, rel=1e-4)
    assert fit.residual < 1e-6
    alone = fit_widths(slopes, slopes["x_max"] * 0.02)
    assert alone.widths["x_0"] == pytest.approx(0, abs=1e-5)


def test_minima_of_a_curve():
    u = np.linspace(0, 1, 101)
    assert local_minima(u, 2 + np.cos(4 * np.pi * u)) == pytest.approx([0.25, 0.75], abs=0.02)
    assert local_minima(u, u) == []
