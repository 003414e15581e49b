"""Delphes trees as uproot writes them: truth, reco and weights come out as they went in; broken files are named."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from foreign_files import write_tree

from jaxunfold.data.events import read

CONFIG = "configs/data/delphes_zw.py"


@pytest.mark.parametrize("arg", ["", ":status"])
def test_round_trip(converts, delphes_file, zw_events, arrays, arg):
    out = converts(delphes_file, "--config", CONFIG + arg)
    known = zw_events[:60]
    keep = _passing(known)
    assert len(out) == keep.sum() > 20
    assert out.truth_names == ("e-", "e+", "q1", "q2")
    assert out.reco_names == ("e-", "e+", "j1", "j2")
    assert out.mask.all()
    # quarks in the order of the jets, jets by falling pT
    pt = np.hypot(*known.reco[:, 2:, 1:3].transpose(2, 0, 1))
    swap = pt[:, 1] > pt[:, 0]
    reco = np.where(swap[:, None, None], known.reco[:, [0, 1, 3, 2]], known.reco)[keep]
    np.testing.assert_allclose(out.reco[:, 2:], reco[:, 2:], rtol=2e-5, atol=1e-3)
    np.testing.assert_allclose(out.reco[:, :2, 1:], reco[:, :2, 1:], rtol=2e-5, atol=1e-4)
    truth = np.where(swap[:, None, None], known.truth[:, [0, 1, 3, 2]], known.truth)[keep]
    near = np.abs(out.truth - truth).max(axis=(1, 2)) < 1e-3 * truth[..., 0].max(axis=1)
    assert near.mean() > 0.9  # the others' quarks lie closer to the other jet
    np.testing.assert_allclose(out.truth.sum(axis=1), truth.sum(axis=1), rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(out.weight, ak.to_numpy(arrays["Event"]["Weight"])[keep, 0], rtol=1e-6)
    np.testing.assert_allclose(out.extra, np.tile([3 * np.cos(0.5), 3 * np.sin(0.5)], (len(out), 1)), rtol=1e-6)
    assert out.extra_names == ("met_px", "met_py")
    assert out.attrs["process"] == "zw_2jet"
    assert "read: 60; truth: the pattern is there: 60; reco: 1 e-: " in out.attrs["cuts"]


def _passing(events):
    """Both leptons above 10 GeV, both jets above 25 GeV within 2.5 and 0.4 away from them."""
    p = events.reco.astype(np.float64)
    pt = np.hypot(p[..., 1], p[..., 2])
    eta, phi = np.arcsinh(p[..., 3] / pt), np.arctan2(p[..., 2], p[..., 1])
    good = (pt > [10, 10, 25, 25]).all(axis=1) & (np.abs(eta[:, 2:]) < 2.5).all(axis=1)
    for e in (0, 1):
        dphi = np.mod(phi[:, 2:] - phi[:, [e]] + np.pi, 2 * np.pi) - np.pi
        good &= (np.hypot(eta[:, 2:] - eta[:, [e]], dphi) > 0.4).all(axis=1)
    return good


def test_several_files_are_one_sample_and_data_needs_no_truth(converts, delphes_file):
    one = converts(delphes_file, "--config", CONFIG + ":data")
    two = converts(delphes_file, delphes_file, "--config", CONFIG + ":data")
    assert one.truth is None
    np.testing.assert_array_equal(two.reco, np.concatenate([one.reco, one.reco]))


def test_all_events_with_flags(converts, delphes_file, zw_events):
    out = converts(delphes_file, "--config", CONFIG, "--config.keep=all")
    assert len(out) == 60
    np.testing.assert_array_equal(out.pass_reco, _passing(zw_events[:60]))
    assert out.pass_truth.all()
    assert not out.reco[~out.pass_reco].any()
    assert not out.mask[~out.pass_reco].any()


def test_pieces_do_not_change_the_file(converts, delphes_file, monkeypatch):
    whole = converts(delphes_file, "--config", CONFIG)
    monkeypatch.setattr("jaxunfold.readers.root.PIECE", 7)
    monkeypatch.setattr("jaxunfold.data.schema.CHUNK", 16)
    parts = converts(delphes_file, "--config", CONFIG)
    np.testing.assert_array_equal(whole.truth, parts.truth)
    np.testing.assert_array_equal(whole.reco, parts.reco)


def without(arrays, name):
    return {key: array for key, array in arrays.items() if key != name}


def test_broken_files_are_named(refuses, tmp_path, arrays, delphes_file, records):
    def refused(content, *words, name="bad.root", **tree):
        path = write_tree(tmp_path / name, content, **tree) if isinstance(content, dict) else tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        refuses(path, "--config", CONFIG, words=(path, *words))

    refused(without(arrays, "MissingET"), "expected a column 'MissingET.MET'")
    refused({k: v[:0] for k, v in arrays.items()}, "tree 'Delphes' expected at least one event, found zero")
    whole = Path(delphes_file).read_bytes()
    refused(whole[: len(whole) // 2], "truncated or damaged")
    third = len(whole) // 3
    refused(whole[:third] + bytes(third) + whole[2 * third :], "damaged")
    refused(b"not a root file at all" * 10, "expected a ROOT file")
    refused(b"", "expected events, found an empty file")
    with uproot.recreate(tmp_path / "empty.root"):
        pass
    refuses(tmp_path / "empty.root", "--config", CONFIG, words=("expected one tree", "found none"))
    jets = ak.to_list(arrays["Jet"])
    jets[17][0]["PT"] = float("nan")
    refused(
        {**arrays, "Jet": ak.Array(jets)}, "event 17: Jet (Jet.PT, Jet.Eta, Jet.Phi, Jet.Mass) expected finite ones"
    )
    weights = ak.to_list(arrays["Event"])
    weights[4][0]["Weight"] = float("inf")
    refused({**arrays, "Event": ak.Array(weights)}, "event 4: Event.Weight expected a finite number, found inf")
    weights[4] = [{"Weight": 1.0}, {"Weight": 2.0}]
    refused({**arrays, "Event": ak.Array(weights)}, "event 4: Event.Weight expected one number, found 2")
    particles = ak.to_list(arrays["Particle"])
    particles[9][9]["PID"] = -13
    refused({**arrays, "Particle": ak.Array(particles)}, "event 9: truth expected 1 of ll by rule, found 0")


def test_missing_truth_can_be_left_out_and_is_counted(converts, tmp_path, arrays, capsys):
    particles = ak.to_list(arrays["Particle"])
    for event in (9, 30):
        particles[event][9]["PID"] = -13
    path = write_tree(tmp_path / "odd.root", {**arrays, "Particle": ak.Array(particles)})
    out = converts(path, "--config", CONFIG, "--config.truth.missing=allow")
    assert "truth: the pattern is there: 58" in out.attrs["cuts"]
    assert "58 (96.7 %)" in capsys.readouterr().out


def test_zero_weights_are_refused_as_a_whole(refuses, tmp_path, arrays):
    path = write_tree(tmp_path / "zero.root", {**arrays, "Event": ak.Array([[{"Weight": 0.0}]] * 60)})
    refuses(path, "--config", CONFIG, words=("weight expected a positive sum, found 0",))


def test_no_event_that_passes(refuses, delphes_file):
    flag = "--config.reco.objects.j.cuts.pt=(5000.0, None)"
    refuses(delphes_file, "--config", CONFIG, flag, words=("expected an event that passes, found none (read: 60, ",))


def test_negative_weights_stay(converts, tmp_path, arrays):
    weight = np.where(np.arange(60) % 3, 1.0, -0.25)
    path = write_tree(tmp_path / "negative.root", {**arrays, "Event": ak.Array([[{"Weight": w}] for w in weight])})
    out = converts(path, "--config", CONFIG)
    assert set(np.unique(out.weight)) == {-0.25, 1.0}
    assert read(tmp_path / "out.h5").weight.min() < 0


def test_older_cycles_of_a_tree_are_not_read_twice(converts, tmp_path, arrays):
    """A tree saved again under its name leaves its earlier state in the file, as an interrupted job does."""
    path = write_tree(tmp_path / "cycles.root", {name: array[:5] for name, array in arrays.items()})
    with uproot.update(path) as file:
        types = {name: ak.type(array).content for name, array in arrays.items()}
        out = file.mktree(
            "Delphes", types, counter_name=lambda name: f"{name}_size", field_name=lambda o, i: f"{o}.{i}"
        )
        out.extend(arrays)
    assert "read: 60" in converts(path, "--config", CONFIG).attrs["cuts"]
