"""Coordinates by name: momenta, columns, measured coordinates, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.physics.coordinates import build_coordinates

RESONANCES = {"ll": ("e-", "e+"), "jj": ("q1", "q2")}
RECO = {"e-": "e-", "e+": "e+", "q1": "j1", "q2": "j2"}


def test_momenta_are_the_papers(zw_events):
    c = build_coordinates("momenta", zw_events.truth_names, zw_events.reco_names)
    assert c.names[:4] == ("px_e-", "py_e-", "pz_e-", "px_e+")
    x, log_det = c.encode(jnp.asarray(zw_events.truth[0]))
    np.testing.assert_array_equal(x, zw_events.truth[0, :, 1:].ravel())
    assert log_det == 0
    np.testing.assert_allclose(c.decode(x), zw_events.truth[0], rtol=1e-6)
    np.testing.assert_array_equal(c.measure(jnp.asarray(zw_events.reco[0])), zw_events.reco[0, :, 1:].ravel())


def test_momenta_that_balance(zw_events):
    """Ten numbers for four particles; what comes back has no transverse momentum, and once more is the same."""
    c = build_coordinates("momenta", zw_events.truth_names, zw_events.reco_names, recoil="q2")
    assert len(c.names) == 10
    assert c.names[-1] == "pz_q2"
    x, log_det = c.encode(jnp.asarray(zw_events.truth[0]))
    assert log_det == 0
    back = np.asarray(c.decode(x))
    np.testing.assert_allclose(back[:, 1:3].sum(0), 0, atol=1e-4)
    balanced = build_coordinates("momenta", zw_events.truth_names, zw_events.reco_names)
    again = c.decode(c.encode(jnp.asarray(back))[0])
    np.testing.assert_allclose(again, balanced.decode(balanced.encode(jnp.asarray(back))[0]), rtol=1e-5, atol=1e-4)
    with pytest.raises(InputError, match=r"expected a leaf of .* found 'W'"):
        build_coordinates("momenta", zw_events.truth_names, zw_events.reco_names, recoil="W")


def test_momenta_with_masses():
    c = build_coordinates("momenta", ("t",), ("t",), masses={"t": 12.0})
    np.testing.assert_allclose(c.decode(jnp.asarray([3.0, 4.0, 0.0])), [[13.0, 3.0, 4.0, 0.0]], rtol=1e-6)


def test_measured_coordinates_are_those_of_the_named_objects(zw_events):
    """The same event with its reco objects in another order measures the same."""
    options = {"resonances": RESONANCES, "decays": {"ll": "lab"}, "recoil": "jj", "reco": RECO}
    c = build_coordinates("resonance", zw_events.truth_names, zw_events.reco_names, **options)
    turned = build_coordinates("resonance", zw_events.truth_names, ("j2", "j1", "e+", "e-"), **options)
    reco = jnp.asarray(zw_events.reco[:50])
    measured = jax.vmap(c.measure)(reco)
    np.testing.assert_allclose(jax.vmap(turned.measure)(reco[:, ::-1]), measured, rtol=1e-6)
    truth, _ = jax.vmap(c.encode)(jnp.asarray(zw_events.truth[:50]))
    i = c.names.index("eta_e-")
    assert np.max(np.abs(measured[:, i] - truth[:, i])) < 0.1
    assert "without px and py of q2" in c.measure_of


def test_columns():
    c = build_coordinates("columns", ("a", "b"), ("ra", "rb"), reco={"b": "ra"})
    row = jnp.asarray([1.0, 2.0])
    np.testing.assert_array_equal(c.encode(row)[0], row)
    np.testing.assert_array_equal(c.decode(row), row)
    np.testing.assert_array_equal(c.measure(jnp.asarray([7.0, 8.0])), [0.0, 7.0])


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("polar", {}, "coordinates.kind: expected one of momenta, resonance, columns, above_cut, found 'polar'"),
        ("momenta", {"width": 1}, "'momenta' does not take these options"),
        ("momenta", {"reco": {"e-": "mu"}}, "expected a leaf of .* found 'e-': 'mu'"),
        ("columns", {"reco": {"e-": "mu"}}, "expected a truth column of .* found 'e-': 'mu'"),
    ],
)
def test_refusals(kind, options, message):
    with pytest.raises(InputError, match=message):
        build_coordinates(kind, ("e-", "e+"), ("e-", "e+"), **options)


def test_too_few_reco_objects():
    with pytest.raises(InputError, match="expected a reco object for each of"):
        build_coordinates("momenta", ("a", "b", "c"), ("j1", "j2"))


CUTS = {"j1": 25.0, "j2": 25.0}


def test_above_a_cut_there_and_back(x64):
    """Twenty events of a W and two jets above 25 GeV: the same again, with the determinant of the Jacobian."""
    c = build_coordinates("above_cut", ("W+", "j1", "j2"), (), cuts=CUTS, masses={"W+": 80.4})
    assert c.names[:4] == ("along_W+", "across_W+", "pz_W+", "log_above_j1")
    assert [name for name, angle in zip(c.names, c.periodic) if angle] == ["phi_j1", "dphi_j2"]
    rng = np.random.default_rng(0)
    pt, phi = 25 + rng.exponential(20, (20, 3)), rng.uniform(-np.pi, np.pi, (20, 3))
    three = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(rng.normal(size=(20, 3)))], -1)
    energy = np.sqrt((three**2).sum(-1) + np.array([80.4, 0, 0]) ** 2)
    momenta = jnp.asarray(np.concatenate([energy[..., None], three], -1))
    x, log_det = jax.vmap(c.encode)(momenta)
    np.testing.assert_allclose(jax.vmap(c.decode)(x), momenta, rtol=1e-5)

    def free(three):
        return c.encode(jnp.concatenate([jnp.zeros((3, 1)), three.reshape(3, 3)], -1))[0]

    jacobian = jax.vmap(jax.jacfwd(free))(momenta[..., 1:].reshape(20, 9))
    np.testing.assert_allclose(jnp.linalg.slogdet(jacobian)[1], log_det, rtol=1e-5)


def test_above_a_cut_no_vector_is_below_it():
    """Whatever a flow draws, and turned around the beam only the first jet's azimuth changes."""
    c = build_coordinates("above_cut", ("W+", "j1", "j2"), (), cuts=CUTS)
    momenta = jax.vmap(c.decode)(2 * jax.random.normal(jax.random.key(0), (500, 9)))
    assert float(jnp.hypot(momenta[:, 1:, 1], momenta[:, 1:, 2]).min()) > 24.99
    x = c.encode(momenta[0])[0]
    turned = momenta[0].at[:, 1].set(-momenta[0, :, 2]).at[:, 2].set(momenta[0, :, 1])
    np.testing.assert_allclose(np.delete(c.encode(turned)[0] - x, 5), 0, atol=1e-3)
    with pytest.raises(InputError, match=r"coordinates.cuts: expected some of .* found \('j4',\)"):
        build_coordinates("above_cut", ("j1", "j2"), (), cuts={"j4": 25.0})
