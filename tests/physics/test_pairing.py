"""The pair closest to a mass, and what coordinates and features make of it: closed forms, order, absent objects."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics.coordinates import build_coordinates
from jaxunfold.physics.features import build_features
from jaxunfold.physics.pairing import closest_pair

pytestmark = pytest.mark.usefixtures("quick_compile")

LABELS, RECO = ("e-", "e+", "q1", "q2"), ("e-", "e+", "j1", "j2", "j3")
CLOSEST = {"among": ("j1", "j2", "j3"), "mass": 80.4}
TREE = {"resonances": {"ll": ("e-", "e+"), "jj": ("q1", "q2")}, "decays": {"ll": "lab"}, "recoil": "jj"}
KINEMATICS = {"axis": ("e-", "e+"), "pairs": {"ll": ("e-", "e+")}, "closest": {"jj": CLOSEST}, "slots": False}
SUMS = {"jets": ("j1", "j2", "j3")}


@pytest.fixture(scope="module")
def momenta():
    rng = np.random.default_rng(0)
    three = rng.normal(size=(40, 5, 3)) * 50
    return jnp.asarray(np.concatenate([np.linalg.norm(three, axis=-1, keepdims=True), three], -1), jnp.float32)


def by_hand(p):
    """The pair closest to 80.4 GeV by ratio among the last three of [5, 4], the harder first."""
    pairs = list(itertools.combinations([p[2], p[3], p[4]], 2))
    mass = [np.sqrt((a + b)[0] ** 2 - np.sum((a + b)[1:] ** 2)) for a, b in pairs]
    a, b = pairs[int(np.argmin(np.abs(np.log(np.array(mass) / 80.4))))]
    return (a, b) if np.hypot(*a[1:3]) > np.hypot(*b[1:3]) else (b, a)


def test_the_pair_is_the_one_found_by_hand(momenta):
    found = jax.jit(jax.vmap(lambda p: closest_pair(p, (2, 3, 4), 80.4)))(momenta)
    expected = [by_hand(p) for p in np.asarray(momenta, np.float64)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_absent_objects_are_no_partners(momenta):
    """With one of three absent there is one pair left, whatever its mass."""
    p = momenta.at[:, 3].set(0.0)
    found = jax.jit(jax.vmap(lambda p: closest_pair(p, (2, 3, 4), 1.0)))(p)
    np.testing.assert_allclose(jnp.sum(found, axis=1), p[:, 2] + p[:, 4], rtol=1e-6)
    assert np.isfinite(jax.jit(closest_pair, static_argnums=(1, 2))(jnp.zeros((5, 4)), (2, 3, 4), 80.4)).all()


def test_coordinates_are_measured_on_the_pair(momenta):
    plain = build_coordinates("resonance", LABELS, RECO, **TREE)
    chosen = build_coordinates("resonance", LABELS, RECO, **TREE, closest={"jj": CLOSEST})
    for p in momenta[:5]:
        pair = np.asarray(by_hand(np.asarray(p)), np.float32)
        expected = plain.measure(jnp.concatenate([p[:2], pair]))
        np.testing.assert_allclose(chosen.measure(p), expected, rtol=1e-5, atol=1e-5)


def test_features_without_slots_do_not_see_the_order_of_jets(momenta):
    features = build_features("kinematics", RECO, ("n_jets",), **KINEMATICS, sums=SUMS)
    apply = jax.jit(features.apply)
    mask, extra = jnp.asarray([True, True, True, False, True]), jnp.asarray([2.0])
    p = momenta[3].at[3].set(0.0)
    order = np.array([0, 1, 4, 2, 3])
    found = dict(zip(features.names, apply(p, mask, extra), strict=True))
    assert len(found) == 3 * 5 + 1
    np.testing.assert_allclose(apply(p[order], mask[order], extra), list(found.values()), atol=1e-5)
    jets = p[2] + p[4]
    np.testing.assert_allclose(found["log_m_jets"], jnp.log(fv.mass(jets)), rtol=1e-4)
    np.testing.assert_allclose(found["log_m_jj"], found["log_m_jets"], rtol=1e-4)
    np.testing.assert_allclose(found["cos_phi_jets"], jnp.cos(fv.phi(jets) - fv.phi(p[0] + p[1])), atol=1e-5)
    assert found["n_jets"] == 2.0


def test_a_vector_among_the_extra_columns_turns_with_the_event(momenta):
    """The component along the leptons' sum, and the one across it; a rotation of everything changes neither."""
    features = build_features("kinematics", RECO, ("met_px", "n_jets", "met_py"), **KINEMATICS)
    p, met = momenta[0], np.array([3.0, -4.0])
    axis = np.asarray(p[0] + p[1])[1:3]
    axis = axis / np.linalg.norm(axis)

    def shown(p, met):
        out = features.apply(p, jnp.ones(5, bool), jnp.asarray([met[0], 2.0, met[1]], jnp.float32))
        return np.asarray(out)

    found = dict(zip(features.names, shown(p, met), strict=True))
    np.testing.assert_allclose(found["met_px"], met @ axis, rtol=1e-4)
    np.testing.assert_allclose(found["met_py"], axis[0] * met[1] - axis[1] * met[0], rtol=1e-4)
    c, s = np.cos(0.7), np.sin(0.7)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[c, -s], [s, c]]
    np.testing.assert_allclose(shown(p @ turn.T, turn[1:3, 1:3] @ met), shown(p, met), atol=1e-3)


def test_extra_columns_are_chosen_by_name():
    features = build_features("four_momenta", ("e-",), ("a", "n_jets", "b"), use_extra=("n_jets",))
    assert features.names == ("e_e-", "px_e-", "py_e-", "pz_e-", "n_jets")
    out = features.apply(jnp.asarray([[1.0, 0, 0, 1]]), jnp.ones(1, bool), jnp.asarray([7.0, 8.0, 9.0]))
    np.testing.assert_array_equal(out, [1, 0, 0, 1, 8])


def test_refusals():
    with pytest.raises(InputError, match=r"coordinates.closest: expected a resonance of two leaves, found 'zz'"):
        build_coordinates("resonance", LABELS, RECO, **TREE, closest={"zz": CLOSEST})
    wrong = {"among": ("j1", "j9"), "mass": 80.4}
    with pytest.raises(InputError, match=r"coordinates.closest.jj.among: .* found \('j1', 'j9'\)"):
        build_coordinates("resonance", LABELS, RECO, **TREE, closest={"jj": wrong})
    with pytest.raises(InputError, match=r"features.closest.jj.among"):
        build_features("kinematics", RECO, **KINEMATICS | {"closest": {"jj": wrong}})
    with pytest.raises(InputError, match=r"features.use_extra: .* found 'c'"):
        build_features("four_momenta", ("e-",), ("a",), use_extra=("c",))
