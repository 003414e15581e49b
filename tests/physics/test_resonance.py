"""Coordinates of decay trees: exact round trips, densities, momentum balance, masses."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold import compilation
from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics import resonance
from jaxunfold.physics.observables import observables
from jaxunfold.physics.tree import build_tree

pytestmark = pytest.mark.usefixtures("quick_compile")

ZW = ("e-", "e+", "q1", "q2")
BOSONS = {"ll": ("e-", "e+"), "jj": ("q1", "q2")}
TOP = ("b", "q1", "q2", "x")
SIX = ("b", "q1", "q2", "bbar", "q3", "q4")
TOP_PAIR = {"t": ("b", "W+"), "W+": ("q1", "q2"), "tbar": ("bbar", "W-"), "W-": ("q3", "q4")}
TOP_DECAY = {"t": ("b", "W"), "W": ("q1", "q2")}

TREES = {
    "lab and frame, balanced": lambda: build_tree(ZW, BOSONS, {"ll": "lab"}, recoil="jj"),
    "frame and frame, balanced": lambda: build_tree(ZW, BOSONS, recoil="jj"),
    "recoil of free total": lambda: build_tree(ZW, BOSONS, {"ll": "lab"}, recoil="jj", total="free"),
    "no recoil": lambda: build_tree(ZW, BOSONS),
    "nested, massive leaves": lambda: build_tree(TOP, TOP_DECAY, masses={"b": 4.7, "x": 10.0}),
    "nested first, a leaf recoils": lambda: build_tree(
        TOP, {"t": ("W", "b"), "W": ("q1", "q2")}, masses={"b": 4.7}, recoil="x"
    ),
    "top pairs, balanced": lambda: build_tree(SIX, TOP_PAIR, masses={"b": 4.8, "bbar": 4.8}, recoil="tbar"),
}
MASS = {"ll": 91.0, "jj": 80.0, "t": 173.0, "tbar": 173.0, "W": 80.0, "W+": 80.0, "W-": 80.0}


def random_coordinates(tree, n, seed=0):
    """Coordinates of plausible events: masses within their widths, angles anywhere."""
    rng = np.random.default_rng(seed)
    columns = []
    for name in resonance.coordinate_names(tree):
        if resonance.is_periodic(name):
            columns.append(rng.uniform(-np.pi, np.pi, n))
        elif name.startswith("log_m_"):
            columns.append(np.log(MASS[name.removeprefix("log_m_")]) + 0.05 * rng.normal(size=n))
        elif name.startswith("log_pt_") and "ratio" not in name:
            columns.append(np.log(40) + 0.7 * rng.normal(size=n))
        elif name.startswith(("px_", "py_")):
            columns.append(10 * rng.normal(size=n))
        else:
            columns.append(rng.normal(size=n))
    return np.stack(columns, axis=1)


def encode_with_jacobian(tree, p):
    """And d coordinates / d momenta: on-shell three-momenta, less px, py of the last where balanced."""
    fixed = None
    if tree.recoil and tree.total == "zero":
        fixed = tree.labels.index(tree.leaves(tree.recoil)[-1])
    free = [(i, j) for i in range(len(tree.labels)) for j in range(3) if i != fixed or j == 2]
    rows, columns = np.array(free).T

    def coordinates(values):
        three = jnp.zeros((len(tree.labels), 3)).at[rows, columns].set(values)
        if fixed is not None:
            three = three.at[fixed, :2].set(-jnp.sum(three, axis=0)[:2] + three[fixed, :2])
        energy = jnp.sqrt(jnp.sum(three**2, -1) + jnp.asarray(tree.masses) ** 2)
        out = resonance.encode(tree, jnp.concatenate([energy[:, None], three], -1))
        return out[0], out

    jacobian, (x, log_det) = jax.jacfwd(coordinates, has_aux=True)(p[rows, columns + 1])
    return x, log_det, jacobian


def wrapped(tree, difference):
    angles = np.array([resonance.is_periodic(name) for name in resonance.coordinate_names(tree)])
    return np.where(angles, np.angle(np.exp(1j * np.asarray(difference, float))), difference)


@pytest.mark.parametrize("name", TREES)
def test_double_precision(x64, name):
    """Round trip to 1e-11 of the largest coordinates, and the density against automatic differentiation."""
    tree = TREES[name]()
    x = random_coordinates(tree, 20)

    def everything(x):
        p = resonance.decode(tree, x)
        return p, *encode_with_jacobian(tree, p)

    p, back, log_det, jacobian = jax.jit(jax.vmap(everything))(jnp.asarray(x))
    np.testing.assert_allclose(wrapped(tree, back - x), 0.0, atol=1e-11)
    sign, expected = np.linalg.slogdet(np.asarray(jacobian))
    assert np.all(sign != 0)
    np.testing.assert_allclose(log_det, expected, atol=1e-7)
    shell = np.broadcast_to(np.array(tree.masses) ** 2, (20, len(tree.labels)))
    np.testing.assert_allclose(p[..., 0] ** 2 - np.sum(p[..., 1:] ** 2, -1), shell, atol=1e-7)


@pytest.mark.parametrize("name", ["lab and frame, balanced", "nested first, a leaf recoils", "recoil of free total"])
def test_single_precision(name):
    """60 000 random events: momentum balance, on-shell energies, masses as asked, round trip of the bulk."""
    tree = TREES[name]()
    x = random_coordinates(tree, 60_000).astype(np.float32)

    # the tests' quick code generator rounds worse than the one that users have
    @partial(jax.jit, compiler_options=compilation.options({"xla_cpu_use_fusion_emitters": True}))
    @jax.vmap
    def there_and_back(x):
        p = resonance.decode(tree, x)
        return p, resonance.encode(tree, p)[0]

    p, back = (np.asarray(a, np.float64) for a in there_and_back(x))
    names = resonance.coordinate_names(tree)
    total = np.sum(p[..., 1:3], axis=1)
    if tree.total == "free" and tree.recoil:
        total -= x[:, [names.index("px_total"), names.index("py_total")]]
    assert np.max(np.abs(total) / np.sum(np.abs(p[..., 1:3]), axis=1)) < 1e-6
    shell = np.sqrt(np.sum(p[..., 1:] ** 2, -1) + np.array(tree.masses) ** 2)
    np.testing.assert_allclose(p[..., 0], shell, rtol=1e-6)
    found = observables(jnp.asarray(p, jnp.float32), tree.labels, tree.resonances)
    for node in tree.resonances:
        error = np.abs(found[f"m_{node}"] / np.exp(x[:, names.index(f"log_m_{node}")]) - 1)
        assert np.median(error) < 1e-6
        assert np.quantile(error, 0.999) < 1e-3
    error = np.abs(wrapped(tree, back - x))
    assert np.median(error) < 1e-6
    assert np.quantile(error, 0.999) < 1e-2


def test_z_at_rest_decays_back_to_back(x64):
    """At a = 0, psi = 0 the first lepton flies along z with half the mass; pT is 1e-6 GeV."""
    tree = build_tree(("e-", "e+"), {"ll": ("e-", "e+")})
    assert resonance.coordinate_names(tree) == (
        "log_m_ll",
        "y_ll",
        "log_pt_ll",
        "phi_ll",
        "atanh_cos_ll",
        "psi_ll",
    )
    p = resonance.decode(tree, jnp.asarray([np.log(91.2), 0.0, np.log(1e-6), 0.0, 0.0, 0.0]))
    np.testing.assert_allclose(p, [[45.6, 0, 0, 45.6], [45.6, 0, 0, -45.6]], atol=1e-5)


def test_lab_decay_in_numbers(x64):
    """Two leptons of 30 and 20 GeV at eta 1 and -1, back to back in azimuth: m^2 = 2 600 (cosh 2 + 1)."""
    tree = TREES["lab and frame, balanced"]()
    first = fv.from_ptetaphim(jnp.asarray(30.0), 1.0, 0.5)
    second = fv.from_ptetaphim(jnp.asarray(20.0), -1.0, 0.5 - np.pi)
    x, _ = resonance.encode(tree, jnp.stack([first, second, second, first]))
    m = np.sqrt(1200 * (np.cosh(2) + 1))
    np.testing.assert_allclose(x[:6], [np.log(m), np.log(1.5), 1, -1, 0.5, 0.5 - np.pi], rtol=1e-10)


def test_names_follow_the_tree():
    assert resonance.coordinate_names(TREES["lab and frame, balanced"]()) == (
        *("log_m_ll", "log_pt_ratio_ll", "eta_e-", "eta_e+", "phi_e-", "phi_e+"),
        *("log_m_jj", "y_jj", "atanh_cos_jj", "psi_jj"),
    )
    assert resonance.coordinate_names(TREES["nested, massive leaves"]()) == (
        *("log_m_t", "y_t", "log_pt_t", "phi_t", "atanh_cos_t", "psi_t", "log_m_W", "atanh_cos_W", "psi_W"),
        *("eta_x", "log_pt_x", "phi_x"),
    )


def test_gradients_are_finite():
    """Through decode, as the MMD term needs them: collinear leptons, extreme angles, tiny pT."""
    tree = TREES["lab and frame, balanced"]()
    x = random_coordinates(tree, 100).astype(np.float32)
    names = resonance.coordinate_names(tree)
    x[:30, names.index("eta_e+")] = x[:30, names.index("eta_e-")]
    x[:10, names.index("phi_e+")] = x[:10, names.index("phi_e-")]
    x[30:60, names.index("atanh_cos_jj")] = 8.0

    def scalar(x):
        return jnp.sum(jnp.log1p(resonance.decode(tree, x) ** 2))

    assert np.isfinite(jax.jit(jax.vmap(jax.grad(scalar)))(x)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resonances": {"e-": ("e+", "q1")}}, "'e-' is the name of a leaf already"),
        ({"resonances": {"x": ("e-", "e+", "q1")}}, r"resonances.x: expected two children \(nest more\)"),
        ({"resonances": {"x": ("e-", "mu")}}, "expected children among .* found 'mu'"),
        ({"resonances": {"x": ("e-", "e+"), "y": ("e-", "q1")}}, "'e-' is a child of both 'x' and 'y'"),
        ({"resonances": BOSONS, "decays": {"zz": "lab"}}, "decays.zz: expected a resonance"),
        ({"resonances": BOSONS, "decays": {"ll": "rest"}}, "one of .* found 'rest'"),
        (
            {"resonances": BOSONS, "decays": {"ll": "lab"}, "masses": {"e-": 0.1}},
            "'lab' needs two massless leaves",
        ),
        (
            {"resonances": BOSONS, "decays": {"jj": "lab"}, "recoil": "jj"},
            "a momentum of its own; use 'frame'",
        ),
        ({"resonances": BOSONS, "masses": {"mu": 0.1}}, "masses: expected leaves among .* found 'mu'"),
        ({"resonances": {"x": ("e-", "y"), "y": ("e+", "x")}}, "'x' is below itself; .* found a cycle"),
        ({"resonances": BOSONS, "recoil": "q1"}, "recoil: expected one of several roots"),
        ({"resonances": BOSONS, "total": "fixed"}, "total: expected one of .* found 'fixed'"),
    ],
)
def test_trees_that_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        build_tree(ZW, **arguments)
