"""Columns are found by label, whatever their order in the file."""

import dataclasses

import numpy as np
import pytest

from jaxunfold.data.columns import match_columns, selected
from jaxunfold.data.events import Events
from jaxunfold.errors import InputError


def momenta(n, labels, present=None):
    p3 = np.random.default_rng(0).normal(size=(n, len(labels), 3)).astype(np.float32)
    p = np.concatenate([np.linalg.norm(p3, axis=-1, keepdims=True), p3], -1)
    mask = np.ones(p.shape[:2], bool) if present is None else present
    return Events(reco=p * mask[..., None], mask=mask, truth=p, truth_names=labels, reco_names=labels)


def test_reorders_by_label():
    events = momenta(6, ("j1", "e+", "e-", "photon"))
    out = match_columns(events, ("e-", "j1"), ("e-", "e+", "j1"))
    np.testing.assert_array_equal(out.truth, events.truth[:, [2, 0]])
    np.testing.assert_array_equal(out.reco, events.reco[:, [2, 1, 0]])
    assert (out.truth_names, out.reco_names) == (("e-", "j1"), ("e-", "e+", "j1"))


def test_fewer_jets_are_padded():
    events = momenta(6, ("e-", "j1", "j2"))
    out = match_columns(events, (), ("e-", "j1", "j2", "j3", "j4"))
    np.testing.assert_array_equal(out.reco[:, :3], events.reco)
    assert not out.reco[:, 3:].any()
    assert out.mask.tolist() == [[True, True, True, False, False]] * 6


def test_more_jets_than_trained_on():
    present = np.ones((6, 4), bool)
    present[:, 3] = False
    labels = ("e-", "j1", "j2", "j3")
    assert match_columns(momenta(6, labels, present), (), labels[:3]).reco.shape == (6, 3, 4)
    present[4, 3] = True
    with pytest.raises(InputError, match="row 4 expected at most 2 'j' as in training, found j3"):
        match_columns(momenta(6, labels, present), (), labels[:3])


def test_missing_label():
    with pytest.raises(InputError, match=r"reco/momenta expected e\+ as trained on, found e-, j1"):
        match_columns(momenta(2, ("e-", "j1")), (), ("e-", "e+", "j1"))
    with pytest.raises(InputError, match=r"truth/momenta expected q9"):
        match_columns(momenta(2, ("e-", "j1")), ("q9",), ("e-",))
    with pytest.raises(InputError, match=r"reco/extra expected met as trained on, found none"):
        match_columns(momenta(2, ("e-",)), (), ("e-",), ("met",))


def test_table():
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    events = Events(reco=x, reco_names=("a", "b", "c"), reco_units=("GeV", "", "rad"))
    out = match_columns(events, ("t",), ("c", "a"))
    np.testing.assert_array_equal(out.reco, x[:, [2, 0]])
    assert out.reco_units == ("rad", "GeV")
    with pytest.raises(InputError, match="reco/table expected d as trained on, found a, b, c"):
        match_columns(events, (), ("a", "d"))


def test_cuts_on_extra_columns_include_both_ends():
    base = momenta(6, ("e-",))
    events = dataclasses.replace(base, extra=np.array([[2, 0], [3, 1], [4, 0], [5, 1], [6, 0], [2, 1]], np.float32),
                                 extra_names=("n_jets", "tag"))  # fmt: skip
    assert selected(events, {"n_jets": (4, None)}).tolist() == [False, False, True, True, True, False]
    assert selected(events, {"n_jets": (2, 2), "tag": (None, 0)}).tolist() == [True] + [False] * 5
    assert selected(events, {}).all()
    for cut, message in (
        ({"n_jet": (2, 2)}, "reco/extra expected n_jet"),
        ({"n_jets": (3, 2)}, r"data.select.n_jets: expected \(smallest, largest\)"),
        ({"n_jets": (3,)}, "data.select.n_jets"),
    ):
        with pytest.raises(InputError, match=message):
            selected(events, cut)
