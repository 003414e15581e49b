"""Observables as expressions: closed forms, precedence, units, and errors that quote the text."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.metrics.compared import compare
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics.expressions import FUNCTIONS, parse
from jaxunfold.physics.observables import expressions

LABELS = ("e-", "e+", "q1", "q2", "q12")
ENV = {
    "e-": jnp.asarray([5.0, 3.0, 4.0, 0.0]),
    "e+": jnp.asarray([13.0, 0.0, -5.0, 12.0]),
    "q1": jnp.asarray([10.0, 6.0, 0.0, 8.0]),
    "q2": jnp.asarray([7.0, 2.0, 3.0, 6.0]),
    "q12": jnp.asarray([1.0, 1.0, 0.0, 0.0]),
}


def value(text, env=ENV, **options):
    return float(parse(text, LABELS, **options).value(env))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pt(e-)", 5.0),
        ("mass(e-+e+)", np.sqrt(2 * (5 * 13 + 4 * 5))),
        ("mass(e- + e+ + q1)", np.sqrt(28.0**2 - 9**2 - 1**2 - 20**2)),
        ("mass(e+ - e-)", np.sqrt(1e-12)),
        ("pt(q1+q2) - pt(q1) * 2 + 1", np.hypot(8, 3) - 11),
        ("-(1 + 2) * 3 / pt(q12)", -9.0),
        ("deltaphi(e-,e+)", np.arctan2(4, 3) + np.pi / 2),
        ("energy(q2) / px(q2)", 3.5),
        ("max(py(q2), pz(q2)) + abs(py(e+))", 11.0),
        ("sqrt(4) + cos(0) + exp(0) + log(1) + sin(0)", 4.0),
        ("pt(q12)", 1.0),
        ("pt(jj)", np.hypot(8, 3)),
    ],
)
def test_closed_forms(x64, text, expected):
    np.testing.assert_allclose(value(text, sums={"jj": ("q1", "q2")}), expected, rtol=1e-6)


def test_of_two_names_the_longer_is_meant_and_minus_is_no_part_of_a_plain_name(x64):
    env = {"e": jnp.asarray([5.0, 3.0, 4.0, 0.0]), "e-": jnp.asarray([5.0, 0.0, 0.0, 5.0])}
    node = parse("pz(e--e)", ("e", "e-"))
    assert node.leaves == ("e-", "e")
    assert float(node.value(env)) == 5.0


def test_decay_cosine_is_the_rest_frames(x64):
    """A child of energy E* and cosine c in the rest frame has E = gamma (E* + beta p* c)."""
    parent = fv.on_shell(jnp.asarray([0.0, 3.0, -20.0, 40.0]), 80.0)
    child = jnp.asarray([30.0, 10.0, 20.0, 20.0])
    gamma = parent[0] / 80.0
    beta = jnp.sqrt(1 - 1 / gamma**2)
    star = (parent[0] * child[0] - parent[1:] @ child[1:]) / 80.0
    expected = (child[0] / gamma / star - 1) / beta
    np.testing.assert_allclose(FUNCTIONS["costheta"].apply(*map(_vector, (child, parent))), expected, rtol=1e-9)


def _vector(p):
    from jaxunfold.physics.expressions import Vector

    return Vector(p, (p,))


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("mass(q1+q2)", "GeV"),
        ("eta(q1)", ""),
        ("pt(q1) / pt(q2)", ""),
        ("pt(q1) * pt(q2)", "GeV GeV"),
        ("pt(q1) + pt(q2)", "GeV"),
        ("abs(pz(q1))", "GeV"),
    ],
)
def test_units(text, unit):
    assert parse(text, LABELS).unit == unit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mass(q1+q3)", "expected one of e-, e\\+, q1, q2, q12, mass"),
        ("q1 + q2", "expected a number, as mass\\(...\\) of a particle is, at character 7, found a particle"),
        ("mass(pt(q1))", "expected mass\\(vector\\) at character 12, found number"),
        ("deltaphi(q1)", "expected deltaphi\\(vector, vector\\)"),
        ("pt(q1", "expected '\\)' or ',' at character 5, found its end"),
        ("pt(q1) pt(q2)", "expected an operator or the end at character 7, found 'pt\\(q2\\)'"),
        ("q1 * q2", "two numbers, or two particles to add"),
        ("", "found its end"),
        ("__import__('os')", "expected one of"),
    ],
)
def test_errors_quote_text_and_place(text, message):
    with pytest.raises(InputError, match=message):
        parse(text, LABELS)


def test_gradients_are_finite():
    gradient = jax.grad(lambda p: parse("mass(q1+q2)", LABELS).value({**ENV, "q1": p}))(ENV["q1"])
    assert np.isfinite(gradient).all()


def test_named_observables_join_the_canonical_ones(zw_events):
    named = {"dphi_ll": "deltaphi(e-, e+)", "ratio": "pt(jj) / mass(jj)", "m_4": "mass(ll + jj)"}
    tree = {"ll": ("e-", "e+"), "jj": ("q1", "q2")}
    mask = zw_events.mask.copy()
    mask[0, 0] = False
    data = compare(
        zw_events.truth, zw_events.truth[:, None], reco=zw_events.reco, mask=mask, truth_names=zw_events.truth_names,
        reco_names=zw_events.reco_names, resonances=tree, named=named,
    )  # fmt: skip
    assert list(data.truth)[-3:] == list(named)
    assert [data.units[name] for name in named] == ["", "", "GeV"]
    np.testing.assert_allclose(data.truth["ratio"], data.truth["pt_jj"] / data.truth["m_jj"], rtol=1e-5)
    assert np.isnan(data.reco["dphi_ll"][0])
    assert np.isnan(data.reco["m_4"][0])
    assert np.isfinite(data.reco["ratio"]).all()
    with pytest.raises(InputError, match=r"observables.m_ll: expected a name of its own"):
        expressions(zw_events.truth_names, tree, {"m_ll": "mass(ll)"})


def test_named_observables_of_a_table(table_events):
    data = compare(
        table_events.truth, table_events.truth[:, None], truth_names=("a", "b", "c"), units=("GeV", "GeV", ""),
        named={"sum": "a + 2 * b"},
    )  # fmt: skip
    np.testing.assert_allclose(data.draws["sum"][:, 0], table_events.truth @ [1, 2, 0], rtol=1e-6)
    assert data.units["sum"] == "GeV"
