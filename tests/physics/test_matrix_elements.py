"""|M|^2 of e+ e- -> q qbar g: its limits, the integral of what the dipoles leave, invariants of momenta."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.physics import matrix_elements as me
from jaxunfold.physics import phase_space

pytestmark = pytest.mark.usefixtures("quick_compile")


def test_collinear_limit_is_the_splitting_function(x64):
    """(1 - x2) |M|^2 -> (1 + z^2) / (1 - z), and so does the dipole; what is left of their difference is finite."""
    z = jnp.linspace(0.1, 0.9, 9)
    splitting = (1 + z**2) / (1 - z)
    for y, atol in ((1e-3, 0.2), (1e-6, 2e-4)):
        x1, x2 = me.from_dipole_variables(jnp.full(9, y), z)
        np.testing.assert_allclose(y * me.q_qbar_gluon(x1, x2), splitting, atol=atol)
        np.testing.assert_allclose(y * me.quark_dipole(x1, x2), splitting, atol=atol)
        assert jnp.abs(me.q_qbar_gluon(x1, x2) - me.quark_dipole(x1, x2)).max() < 200


def test_soft_limit_is_the_eikonal(x64):
    """2 / (1 - x1)(1 - x2) for a gluon of no energy, and the two dipoles share it."""
    a, b = 1e-6 * jnp.array([1.0, 2.0, 0.5]), 1e-6 * jnp.array([1.0, 0.5, 3.0])
    np.testing.assert_allclose(me.q_qbar_gluon(1 - a, 1 - b), 2 / (a * b), rtol=1e-5)
    both = me.quark_dipole(1 - a, 1 - b) + me.quark_dipole(1 - b, 1 - a)
    np.testing.assert_allclose(both, 2 / (a * b), rtol=1e-5)


def test_what_the_dipoles_leave_integrates_to_minus_a_half(x64):
    """With the virtual part's 2 it makes the 3/2 C_F alpha_s / 2 pi of e+ e- -> hadrons: 1 + alpha_s / pi."""
    nodes, weight = np.polynomial.legendre.leggauss(200)
    u, w = 0.5 * (nodes + 1), 0.5 * weight
    a = (u**2)[:, None]
    b = (u**2)[None] * (1 - a)
    jacobian = np.outer(2 * u * w, 2 * u * w) * (1 - a)
    x1, x2 = jnp.asarray(1 - a) + 0 * b, jnp.asarray(1 - b)
    left = me.q_qbar_gluon(x1, x2) - me.quark_dipole(x1, x2) - me.quark_dipole(x2, x1)
    assert np.sum(jacobian * left) == pytest.approx(-0.5, abs=1e-5)


def test_jacobian_of_the_dipole_variables(x64):
    for y, z in ((0.1, 0.3), (0.6, 0.9)):
        slope = jax.jacfwd(lambda v: jnp.stack(me.from_dipole_variables(*v)))(jnp.array([y, z]))
        assert abs(jnp.linalg.det(slope)) == pytest.approx(1 - y)


def test_invariants_of_momenta_are_the_energy_fractions():
    """2 p1 p2 / s = 1 - x3 and so on, of three particles; they add up to one."""
    x = jax.random.uniform(jax.random.key(0), (200, 5))
    p = jax.jit(jax.vmap(lambda row: phase_space.massless(row, 91.2)))(x)
    found = jnp.exp(jax.vmap(me.log_invariants)(p))
    fractions = 2 * p[..., 0] / 91.2
    np.testing.assert_allclose(found, 1 - fractions[:, ::-1], atol=2e-5)
    np.testing.assert_allclose(found.sum(1), 1.0, atol=2e-5)
