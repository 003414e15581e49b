"""Decay patterns on small records, and matching by angle against all orders."""

import itertools

import numpy as np
import pytest

from jaxunfold.conversion.matching import delta_r, match_by_angle
from jaxunfold.conversion.particles import Record, find, read_pattern
from jaxunfold.errors import InputError


def record(*events):
    """Records of (pid, status, mother within the event, pT) with momenta along x."""
    rows, at = [], 0
    for number, event in enumerate(events):
        rows += [(number, pid, status, m + at if m >= 0 else -1, pt) for pid, status, m, pt in event]
        at += len(event)
    event, pid, status, mother, pt = (np.array(column) for column in zip(*rows))
    zero = np.zeros(len(pt))
    return Record(event, pid, status, mother, np.stack([pt, pt, zero, zero], -1).astype(float))


# t -> b W+, W+ -> q qbar' with copies of t and W+; tbar the same with e- nubar
TTBAR = (
    (6, 22, -1, 50), (-6, 22, -1, 50), (6, 62, 0, 49), (5, 23, 2, 30), (24, 22, 2, 60), (24, 52, 4, 59),
    (2, 23, 5, 10), (-1, 23, 5, 40), (-5, 23, 1, 33), (-24, 22, 1, 20), (11, 23, 9, 15), (-12, 23, 9, 5),
    (11, 1, 10, 14), (5, 71, 3, 25), (2, 51, 6, 9),
)  # fmt: skip
QUARKS = (1, 2, 3, 4, -1, -2, -3, -4)
PATTERN = {
    "t": {"pid": 6, "to": {"b": 5, "W": {"pid": 24, "to": {"q1": QUARKS, "q2": QUARKS}}}},
    "tbar": {"pid": -6, "to": {"bbar": -5, "Wm": {"pid": -24, "to": {"e-": 11, "nu": -12}}}},
}


def test_nested_decays_with_copies():
    found = find(record(TTBAR, TTBAR), read_pattern(PATTERN), 2)
    assert found.ok.all()
    expected = {"b": 3, "q1": 7, "q2": 6, "bbar": 8, "e-": 10, "nu": 11}
    assert {name: rows.tolist() for name, rows in found.index.items()} == {
        name: [row, row + len(TTBAR)] for name, row in expected.items()
    }


def test_last_copies_are_those_after_radiation():
    pattern = {"Wm": {"pid": -24, "to": {"e-": {"pid": 11, "copy": "last"}, "nu": -12}}}
    assert find(record(TTBAR), read_pattern(pattern), 1).index["e-"].tolist() == [12]


@pytest.mark.parametrize(
    ("pattern", "ok", "counts"),
    [
        ({"e-": {"pid": 11, "status": 23}}, True, 1),
        ({"e-": {"pid": 11, "status": (1, 23)}}, False, 2),
        ({"e-": {"pid": 11, "status": (1, 23), "pick": "leading"}}, True, 2),
        ({"mu-": 13}, False, 0),
        ({"W": {"pid": (24, -24)}}, False, 2),
        ({"W": {"pid": (24, -24), "to": {"q1": QUARKS, "q2": QUARKS}}}, True, 1),
        ({"t": {"pid": 6, "to": {"e-": 11}}}, False, 0),
        ({"b": {"pid": (5, -5), "status": 23, "pt_min": 31}}, True, 1),
    ],
)
def test_rules(pattern, ok, counts):
    found = find(record(TTBAR), read_pattern(pattern), 1)
    assert found.ok.tolist() == [ok]
    assert [list(count) for count in found.counts.values()] == [[counts]]


def test_labels_of_one_rule_share_by_pt_and_two_trees_keep_their_own_leaves():
    pattern = {
        name: {"pid": (24, -24), "to": {f"{name}a": (11, *QUARKS), f"{name}b": (-12, *QUARKS)}} for name in "AB"
    }
    with_bosons = read_pattern(pattern)
    # one W has two quarks, each of which fits both rules: twice as many as asked for
    assert not find(record(TTBAR), with_bosons, 1).ok.any()
    bosons = {name: {"pid": (24, -24), "to": {f"{name}1": (11, *QUARKS, -12), f"{name}2": (11, *QUARKS, -12)}}
              for name in "AB"}  # fmt: skip
    index = find(record(TTBAR), read_pattern(bosons), 1).index
    assert {name: int(row[0]) for name, row in index.items()} == {"A1": 7, "A2": 6, "B1": 10, "B2": 11}


def test_events_without_the_pattern_have_no_particles():
    found = find(record(TTBAR, TTBAR[:6]), read_pattern(PATTERN), 2)
    assert found.ok.tolist() == [True, False]
    assert all(rows[1] == -1 for rows in found.index.values())


def test_what_is_wrong_is_named():
    circle = record(((6, 22, 1, 50), (6, 22, 0, 50)))
    with pytest.raises(InputError, match="mothers that come before their daughters, found a circle"):
        find(circle, read_pattern({"t": 6}), 1)
    with pytest.raises(InputError, match="expected a column of mothers"):
        find(circle._replace(mother=None), read_pattern({"t": 6}), 1)
    for pattern, message in (
        ({"e": "11"}, "truth.tree.e.pid: expected integers, found '11'"),
        ({"e": {"id": 11}}, "truth.tree.e: expected pid and some of status, to"),
        ({"e": {"pid": 11, "copy": "all"}}, "truth.tree.e.copy: expected one of first, last, any, found 'all'"),
        ({"t": {"pid": 6, "to": {}}}, "truth.tree.t.to: expected labels with their rules, found none"),
    ):
        with pytest.raises(InputError, match=message):
            read_pattern(pattern)


def test_matching_is_the_best_of_all_orders():
    rng = np.random.default_rng(0)
    truth, reco = (np.concatenate([np.full((50, 4, 1), 50.0), rng.normal(0, 20, (50, 4, 3))], -1) for _ in range(2))
    mask = rng.random((50, 4)) < 0.8
    labels, jets = ("e", "a", "b", "c"), ("j1", "j2", "j3", "e")
    pairs = {"a": "j1", "b": "j2", "c": "j3"}
    out, largest = match_by_angle(truth, reco, mask, labels, jets, pairs)
    distance = delta_r(truth[:, 1:], reco[:, :3])
    for i in range(50):
        costs = {
            order: sum(mask[i, k] * distance[i, order[k], k] ** 2 for k in range(3))
            for order in itertools.permutations(range(3))
        }
        best = min(costs, key=costs.get)
        np.testing.assert_array_equal(out[i, 1:], truth[i, 1:][list(best)])
        assert largest[i] == max(mask[i, k] * distance[i, best[k], k] for k in range(3))
    np.testing.assert_array_equal(out[:, 0], truth[:, 0])
