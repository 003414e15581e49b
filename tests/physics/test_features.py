"""What the network is shown: closed forms, invariance about the beam, absent objects."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics.features import build_features

LABELS = ("e-", "e+", "j1", "j2", "j3")
OPTIONS = {"axis": ("e-", "e+"), "pairs": {"ll": ("e-", "e+"), "jj": ("j1", "j2")}}
NONE = jnp.zeros(0)


pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(0)
    pt, eta, phi = (
        rng.gamma(3, 20, (50, 5)) + 1,
        rng.normal(size=(50, 5)),
        rng.uniform(-np.pi, np.pi, (50, 5)),
    )
    mass = np.array([0, 0, 5, 8, 10]) * np.ones((50, 1))
    return jnp.asarray(fv.from_ptetaphim(jnp.asarray(pt), jnp.asarray(eta), jnp.asarray(phi), mass), jnp.float32)


@pytest.fixture(scope="module")
def kinematics():
    features = build_features("kinematics", LABELS, **OPTIONS)
    return features, jax.jit(jax.vmap(features.apply, (0, 0, None)))


def test_kinematics_in_numbers(events, kinematics):
    features, apply = kinematics
    out = dict(zip(features.names, apply(events, jnp.ones((50, 5), bool), NONE).T, strict=True))
    z = events[:, 0] + events[:, 1]
    np.testing.assert_allclose(out["log_pt_j1"], jnp.log(fv.pt(events[:, 2])), rtol=1e-5)
    np.testing.assert_allclose(out["eta_e-"], fv.eta(events[:, 0]), rtol=1e-5)
    np.testing.assert_allclose(out["sin_phi_j2"], jnp.sin(fv.phi(events[:, 3]) - fv.phi(z)), atol=1e-5)
    np.testing.assert_allclose(out["relative_mass_j3"], jnp.log1p(10 / fv.pt(events[:, 4])), rtol=1e-2)
    np.testing.assert_allclose(out["log_m_ll"], jnp.log(fv.mass(z)), atol=1e-3)
    np.testing.assert_allclose(out["log_pt_ll"], jnp.log(fv.pt(z)), rtol=1e-4)
    np.testing.assert_allclose(out["y_ll"], fv.rapidity(z), atol=1e-4)
    np.testing.assert_allclose(out["cos_phi_ll"], 1.0, rtol=1e-5)
    np.testing.assert_array_equal(out["present_j3"], 1.0)


def test_invariant_under_rotations_about_the_beam(events, kinematics):
    _, apply = kinematics
    c, s = np.cos(2.1), np.sin(2.1)
    turn = jnp.asarray([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]], jnp.float32)
    mask = jnp.ones((50, 5), bool)
    np.testing.assert_allclose(apply(events @ turn.T, mask, NONE), apply(events, mask, NONE), atol=1e-3)


def test_a_light_object_has_no_mass_of_rounding(events, kinematics):
    """float32 leaves sqrt(1e-7) E of mass to a massless object, which would be an input of pure noise."""
    features, apply = kinematics
    out = apply(events, jnp.ones((50, 5), bool), NONE)
    masses = [features.names.index(f"relative_mass_{label}") for label in LABELS]
    np.testing.assert_array_equal(out[:, np.array(masses[:2])], 0.0)
    assert np.all(out[:, np.array(masses[3:])] > 0)


def test_absent_objects_show_nothing(events, kinematics):
    """What stands in the padding does not matter, and every value and gradient stays finite."""
    features, apply = kinematics
    mask = jnp.asarray(np.tile([True, True, True, False, False], (50, 1)))
    zero, junk = events * mask[..., None], jnp.where(mask[..., None], events, 1e3)
    out = apply(zero, mask, NONE)
    np.testing.assert_array_equal(out, apply(junk, mask, NONE))
    absent = [i for i, name in enumerate(features.names) if name.endswith(("_j2", "_j3", "_jj"))]
    np.testing.assert_array_equal(out[:, np.array(absent)], 0.0)
    grad = jax.jit(jax.vmap(jax.grad(lambda *a: jnp.sum(features.apply(*a))), (0, 0, None)))
    gradient = grad(zero, mask, NONE)
    assert np.isfinite(out).all()
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[:, 3:], 0.0)


def test_four_momenta_and_table():
    reco, mask = jnp.arange(8.0).reshape(2, 4), jnp.asarray([True, False])
    features = build_features("four_momenta", ("a", "b"), ("met_px",))
    assert features.names == ("e_a", "px_a", "py_a", "pz_a", "e_b", "px_b", "py_b", "pz_b", "met_px")
    np.testing.assert_array_equal(features.apply(reco, mask, jnp.asarray([9.0])), [0, 1, 2, 3, 0, 0, 0, 0, 9])
    features = build_features("table", ("a", "b"), ("c",))
    assert features.names == ("a", "b", "c")
    np.testing.assert_array_equal(features.apply(jnp.asarray([1.0, 2.0]), None, jnp.asarray([3.0])), [1, 2, 3])


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("images", {}, "features.kind: expected one of four_momenta, kinematics, none, table, found 'images'"),
        ("kinematics", {"axis": ("mu",)}, "expected reco objects among .* found 'mu'"),
        ("kinematics", {"pairs": {"x": ("e-", "mu")}}, "found 'mu'"),
        ("table", {"axis": ()}, "'table' does not take these options"),
    ],
)
def test_refusals(kind, options, message):
    with pytest.raises(InputError, match=message):
        build_features(kind, LABELS, **options)


def test_objects_are_the_same_numbers_one_row_each(events, kinematics):
    features, apply = kinematics
    mask = jnp.asarray([True, True, True, False, True])
    vector = dict(zip(features.names, np.asarray(apply(events, jnp.tile(mask, (50, 1)), NONE)).T, strict=True))
    objects = np.asarray(jax.vmap(features.objects, (0, None))(events, mask))
    assert features.object_names == (
        "log_pt", "eta", "cos_phi", "sin_phi", "relative_mass", "is_e-", "is_e+", "is_j",
    )  # fmt: skip
    for i, label in enumerate(LABELS):
        for k, name in enumerate(features.object_names[:5]):
            np.testing.assert_allclose(objects[:, i, k], vector[f"{name}_{label}"], atol=1e-5)
    np.testing.assert_array_equal(objects[0, :, 5:], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1]])


def test_pairs_of_objects_in_numbers(events, kinematics):
    features, _ = kinematics
    massless = fv.on_shell(events[7])
    pairs = features.pairs(features.objects(massless, jnp.ones(5, bool)))
    for i, j in ((0, 1), (2, 4), (3, 1)):
        pt, mass = [float(fv.pt(massless[k])) for k in (i, j)], float(fv.mass(massless[i] + massless[j]))
        expected = np.log([mass, mass / np.sqrt(pt[0] * pt[1]), min(pt)])
        np.testing.assert_allclose(pairs[i, j], expected, rtol=1e-3, atol=1e-3)
    assert np.isfinite(pairs).all()
