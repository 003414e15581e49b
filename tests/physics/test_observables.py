"""Canonical observables against closed forms, and the pair mass against double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics.fourvectors import pair_mass
from jaxunfold.physics.observables import leaves_of, observables
from jaxunfold.physics.symmetries import reflect


def test_z_at_rest():
    m = 91.2
    p = jnp.asarray([[m / 2, 0.6 * m / 2, 0.0, 0.8 * m / 2], [m / 2, -0.6 * m / 2, 0.0, -0.8 * m / 2]], jnp.float32)
    out = observables(p, ("e-", "e+"), {"ll": ("e-", "e+")})
    assert tuple(out) == ("pt_e-", "eta_e-", "pt_e+", "eta_e+", "m_ll", "pt_ll")
    expected = [0.3 * m, np.arctanh(0.8), 0.3 * m, -np.arctanh(0.8), m]
    np.testing.assert_allclose([out[name] for name in list(out)[:5]], expected, rtol=1e-6)
    assert out["pt_ll"] < 1e-5


def test_names_of_a_nested_decay_and_its_mass(x64):
    """Three orthogonal massless momenta of 3, 4 and 5 GeV: m^2 = 2 (3 4 + 3 5 + 4 5)."""
    p = jnp.asarray([[3.0, 3.0, 0.0, 0.0], [4.0, 0.0, 4.0, 0.0], [5.0, 0.0, 0.0, 5.0]])
    tree = {"t": ("b", "W"), "W": ("q1", "q2")}
    assert leaves_of("t", tree) == ("b", "q1", "q2")
    out = observables(p, ("b", "q1", "q2"), tree)
    np.testing.assert_allclose(out["m_t"], np.sqrt(94.0), rtol=1e-12)
    np.testing.assert_allclose(out["m_W"], np.sqrt(40.0), rtol=1e-12)
    np.testing.assert_allclose([out["pt_t"], out["pt_W"]], [5.0, 4.0], rtol=1e-12)


@pytest.mark.parametrize("opening", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("energy", [50.0, 2000.0])
def test_pair_mass_of_light_particles_in_float32(opening, energy):
    """m = 2 E sin(theta / 2). A leaf's energy and momentum are rounded each on their own, 1e-7 E^2 in
    E^2 - p^2, to be compared with m^2 = (E theta)^2."""
    rng = np.random.default_rng(0)
    n = rng.normal(size=(2, 2000, 3))
    axis = n[0] / np.linalg.norm(n[0], axis=-1, keepdims=True)
    side = np.cross(axis, n[1])
    side /= np.linalg.norm(side, axis=-1, keepdims=True)
    three = energy * axis, energy * (np.cos(opening) * axis + np.sin(opening) * side)
    p, q = (jnp.asarray(np.concatenate([np.full((2000, 1), energy), v], -1), jnp.float32) for v in three)
    error = np.abs(pair_mass(p, q) / (2 * energy * np.sin(opening / 2)) - 1)
    assert np.median(error) < 1e-7 / opening**2 + 1e-7
    assert error.max() < 1e-6 / opening**2


def test_pair_mass_of_heavy_particles(x64):
    rng = np.random.default_rng(0)
    p, q = (
        fv.on_shell(jnp.asarray(np.concatenate([np.zeros((50, 1)), rng.normal(0, 30, (50, 3))], -1)), m)
        for m in (4.7, 173.0)
    )
    np.testing.assert_allclose(pair_mass(p, q), fv.mass(p + q), rtol=1e-12)


def test_gradients_are_finite_for_collinear_leaves():
    p = jnp.asarray([[5.0, 3.0, 4.0, 0.0], [10.0, 6.0, 8.0, 0.0]])
    gradient = jax.jacrev(lambda p: observables(p, ("a", "b"), {"ab": ("a", "b")}))(p)
    assert all(np.isfinite(g).all() for g in gradient.values())


@pytest.mark.parametrize(("axis", "component"), [("x", 1), ("y", 2), ("z", 3)])
def test_reflections_leave_masses_and_flip_one_sign(zw_events, axis, component):
    out = reflect(zw_events.truth, axis)
    signs = np.ones(4)
    signs[component] = -1
    np.testing.assert_array_equal(out, (zw_events.truth * signs).astype(np.float32))
    np.testing.assert_array_equal(reflect(out, axis), zw_events.truth)
    a, b = (observables(jnp.asarray(p), zw_events.truth_names, {"ll": ("e-", "e+")}) for p in (zw_events.truth, out))
    np.testing.assert_allclose(a["m_ll"], b["m_ll"], rtol=1e-5)
    sign = -1 if axis == "z" else 1
    np.testing.assert_allclose(a["eta_e-"], sign * b["eta_e-"], rtol=1e-5)


def test_unknown_axis_is_refused():
    with pytest.raises(InputError, match="augment: expected axes among x, y, z, found 't'"):
        reflect(np.zeros((1, 4)), "t")
