"""Four-vector formulas against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.physics import fourvectors as fv

# (E, px, py, pz) of mass 12, pT 5, |p| 13 in a Pythagorean box: 3, 4, 12
BOX = jnp.asarray([np.sqrt(13.0**2 + 12.0**2), 3.0, 4.0, 12.0], jnp.float32)


def test_closed_forms():
    np.testing.assert_allclose(fv.pt(BOX), 5.0, rtol=1e-6)
    np.testing.assert_allclose(fv.phi(BOX), np.arctan2(4, 3), rtol=1e-6)
    np.testing.assert_allclose(fv.eta(BOX), np.arctanh(12 / 13), rtol=1e-6)
    np.testing.assert_allclose(fv.mass(BOX), 12.0, rtol=1e-5)
    np.testing.assert_allclose(fv.mass_squared(BOX), 144.0, rtol=1e-5)
    np.testing.assert_allclose(fv.transverse_mass(BOX), 13.0, rtol=1e-5)
    energy = np.sqrt(313.0)
    np.testing.assert_allclose(fv.rapidity(BOX), 0.5 * np.log((energy + 12) / (energy - 12)), rtol=1e-5)


def test_round_trip_through_pt_eta_phi_mass(x64):
    p3 = np.random.default_rng(0).normal(0, 50, (100, 3))
    p = fv.on_shell(jnp.concatenate([jnp.zeros((100, 1)), jnp.asarray(p3)], -1), 4.7)
    np.testing.assert_allclose(fv.mass(p), 4.7, rtol=1e-10)
    back = fv.from_ptetaphim(fv.pt(p), fv.eta(p), fv.phi(p), 4.7)
    np.testing.assert_allclose(back, p, rtol=1e-10, atol=1e-10)


def test_rapidity_is_additive_under_longitudinal_boosts(x64):
    p, y = fv.on_shell(jnp.asarray([0.0, 3.0, 4.0, 12.0]), 5.0), 1.7
    boosted = jnp.asarray([np.cosh(y) * p[0] + np.sinh(y) * p[3], p[1], p[2], np.sinh(y) * p[0] + np.cosh(y) * p[3]])
    np.testing.assert_allclose(fv.rapidity(boosted), fv.rapidity(p) + y, rtol=1e-12)
    np.testing.assert_allclose(fv.transverse_mass(boosted), fv.transverse_mass(p), rtol=1e-12)


def test_massless_rapidity_is_pseudorapidity():
    p = fv.from_ptetaphim(30.0, jnp.asarray([-2.0, 0.0, 2.0]), 1.0)
    np.testing.assert_allclose(fv.rapidity(p), fv.eta(p), rtol=1e-4)


@pytest.mark.parametrize(
    ("angle", "expected"),
    [(0.5, 0.5), (np.pi + 0.5, 0.5 - np.pi), (-7.0, 2 * np.pi - 7), (9.5, 9.5 - 4 * np.pi)],
)
def test_wrap_angle(angle, expected):
    np.testing.assert_allclose(fv.wrap_angle(jnp.asarray(angle)), expected, atol=2e-6)


def test_wrap_angle_lies_in_its_interval_and_keeps_the_direction(x64):
    angle = jnp.linspace(-20.0, 20.0, 1001)
    wrapped = fv.wrap_angle(angle)
    assert np.all((wrapped > -np.pi) & (wrapped <= np.pi))
    np.testing.assert_allclose(np.exp(1j * np.asarray(wrapped)), np.exp(1j * np.asarray(angle)), atol=1e-13)
    assert fv.wrap_angle(jnp.asarray(np.pi)) == np.pi


@pytest.mark.parametrize("function", [fv.pt, fv.eta, fv.mass, fv.transverse_mass, fv.rapidity])
def test_gradients_are_finite_at_zero_and_on_the_light_cone(function):
    for p in ([0.0, 0.0, 0.0, 0.0], [5.0, 3.0, 4.0, 0.0], [5.0, 0.0, 0.0, 5.0]):
        assert np.isfinite(jax.grad(function)(jnp.asarray(p))).all()
