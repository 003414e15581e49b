"""LHE and HepMC files as their libraries write them: particles, mothers, weights, units; what is broken is named."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from foreign_files import hadronic_record, write_hepmc, write_lhe

from jaxunfold import readers
from jaxunfold.conversion.columns import Table
from jaxunfold.conversion.detector import charges, measure
from jaxunfold.simulation import cards

HEPMC = "configs/data/hepmc_zw.py"
WEIGHTS = np.where(np.arange(60) % 4, 1.5, -0.5)


def all_columns(path, names=None):
    source = readers.open_source(str(path))
    pieces = list(source.pieces(names or source.names))
    return sum(p.num_events for p in pieces), {
        name: readers.base.joined([p.columns[name] for p in pieces]) for name in pieces[0].columns
    }


@pytest.fixture(scope="module")
def lhe_file(tmp_path_factory, zw_events):
    path = tmp_path_factory.mktemp("lhe") / "events.lhe.gz"
    return write_lhe(path, zw_events.truth[:60], WEIGHTS, variations=2 * WEIGHTS)


@pytest.fixture(scope="module")
def hadronic(zw_events):
    rng = np.random.default_rng(2)
    return [hadronic_record(event, rng) for event in zw_events.truth[:60]]


@pytest.fixture(scope="module")
def hepmc_file(tmp_path_factory, hadronic):
    return write_hepmc(tmp_path_factory.mktemp("hepmc") / "events.hepmc.gz", hadronic, WEIGHTS)


def test_lhe(lhe_file, zw_events, monkeypatch):
    monkeypatch.setattr("jaxunfold.readers.lhe.PIECE", 25)
    n, columns = all_columns(lhe_file)
    assert n == 60
    np.testing.assert_array_equal(columns["Particle.PID"].values.reshape(60, 8)[3], [2, -1, 23, 24, 11, -11, 2, -1])
    np.testing.assert_array_equal(columns["Particle.M1"].values.reshape(60, 8)[3], [-1, -1, 0, 0, 2, 2, 3, 3])
    momenta = np.stack([columns[f"Particle.{x}"].values.reshape(60, 8)[:, 4:] for x in ("E", "Px", "Py", "Pz")], -1)
    np.testing.assert_allclose(momenta, zw_events.truth[:60], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(columns["Event.Weight"].values, WEIGHTS)
    np.testing.assert_allclose(columns["Weight.up"].values, 2 * WEIGHTS)


@pytest.mark.parametrize(("version", "unit", "name"), [("HepMC3", "GEV", "a.hepmc"), ("HepMC2", "MEV", "a.hepmc2")])
def test_hepmc(tmp_path, records, version, unit, name, monkeypatch, capfd):
    monkeypatch.setattr("jaxunfold.readers.hepmc.PIECE", 25)
    path = write_hepmc(tmp_path / name, records, WEIGHTS, version, unit)
    n, columns = all_columns(path)
    assert n == 60
    np.testing.assert_array_equal(columns["Particle.PID"].counts, [len(rows) for rows in records])
    pid, energy = (columns[f"Particle.{x}"].values for x in ("PID", "E"))
    flat = [row for rows in records for row in rows]
    # the library may number particles anew: their kinds and energies are the same
    assert sorted(zip(pid, energy.round(3))) == sorted((row[0], round(row[3][0], 3)) for row in flat)
    np.testing.assert_allclose(columns["Weight.up"].values, 2 * WEIGHTS)
    mothers = columns["Particle.M1"].values[:18]
    of = {int(p): int(pid[m]) for p, m in zip(pid[:18], mothers) if m >= 0}
    assert of[23] == 23
    assert of[-11] == -11
    assert of[21] == flat[12][0] or of[21] in (2, -1)
    assert (columns["Particle.Z"].values[:18][mothers >= 0] == 0.03).all()


def test_hepmc_through_the_detector_with_truth_of_both(converts, hepmc_file, lhe_file, zw_events):
    own = converts(hepmc_file, "--config", HEPMC)
    assert 8 < len(own) < 60
    lhe = converts(hepmc_file, "--truth", lhe_file, "--config", HEPMC + ":lhe")
    np.testing.assert_array_equal(own.reco, lhe.reco)
    np.testing.assert_allclose(own.truth, lhe.truth, rtol=1e-4, atol=1e-2)
    ratio = own.reco[:, :2, 0] / own.truth[:, :2, 0]
    assert np.abs(np.median(ratio) - 1) < 0.01
    assert set(np.unique(own.weight)) == {-0.5, 1.5}
    again = converts(hepmc_file, "--config", HEPMC)
    np.testing.assert_array_equal(own.reco, again.reco)
    other = converts(hepmc_file, "--config", HEPMC, "--config.detector.seed=1")
    assert len(other) != len(own) or np.abs(other.reco - own.reco).max() > 0


def test_detector_columns_fit_each_other(hepmc_file):
    n, columns = all_columns(hepmc_file)
    out = measure(Table("x", 0, n, columns), {"card": cards.to_dict(cards.ATLAS_333), "seed": 0})
    for name in ("Electron", "Jet"):
        counts = [column.counts for key, column in out.items() if key.startswith(name)]
        assert all(np.array_equal(c, counts[0]) for c in counts)
        assert len(counts[0]) == n
    assert set(np.unique(out["Electron.Charge"].values)) == {-1.0, 1.0}


def test_charges():
    pid = np.array([11, -11, 211, -321, 2212, 22, 2, -1, 3122, 3334, 411, 1000020040, 24, 130])
    expected = [-1, 1, 1, -1, 1, 0, 2 / 3, 1 / 3, 0, -1, 1, 2, 1, 0]
    np.testing.assert_allclose(charges(pid), expected)


def test_broken_text_files_are_named(refuses, tmp_path, lhe_file, hepmc_file, zw_events, hadronic):
    def refused(name, content, *words):
        path = tmp_path / name
        path.write_bytes(content)
        arg = ["--config", HEPMC] if "hepmc" in name else ["--truth", path, "--config", HEPMC + ":lhe"]
        refuses(hepmc_file if "lhe" in name else path, *arg, words=(path, *words))

    zipped, text = Path(lhe_file).read_bytes(), gzip.decompress(Path(lhe_file).read_bytes())
    refused("cut.lhe.gz", zipped[:-3000], "expected a whole file, found a truncated gzip file")
    refused("cut.lhe", text[: len(text) // 2], "expected Les Houches events, found a broken text")
    refused("two.lhe", text + b"\n" + text, "expected the 120 events that begin in it, found 60")
    refused(
        "count.lhe",
        text.replace(b"<event>\n  8 ", b"<event>\n  9 ", 1),
        "event 0 expected 9 particles as it says, found 8",
    )
    refused("not.lhe", b"momentum,energy\n1,2\n", "event 0")
    last = text.rindex(b"<event>")
    refused("short.lhe", text[:last] + b"</LesHouchesEvents>\n", "as many events as", "found its end after 59")
    zipped, text = Path(hepmc_file).read_bytes(), gzip.decompress(Path(hepmc_file).read_bytes())
    refused("cut.hepmc.gz", zipped[:-3000], "gzip file")
    refused("cut.hepmc", text[: len(text) // 2], "events that begin in it")
    end = text.rindex(b"HepMC::Asciiv3-END")
    refused("open.hepmc", text[:end], "expected the mark at the end of HepMC, found none: truncated after event 59")
    here = text.index(b"\nE 30 ")
    cut = text[:here] + text[here:].replace(b"\nP 5 ", b"\nP x ", 1)
    refused("junk.hepmc", cut, "the 60 events that begin in it, found 30 that can be read: damaged after event 29")
    refused("links.hepmc", text[:here] + text[here:].replace(b"\nV -2", b"\nV -200", 1), "event 30 expected links")
    refused("not.hepmc", b"no events" * 50, "expected HepMC 2 or 3, found b'no events")
    refused("none.hepmc", text[: text.index(b"\nE ")] + b"\n" + text[end:], "expected at least one event")


def test_hepmc_files_one_behind_the_other_are_read_to_the_end(tmp_path, hepmc_file):
    text = gzip.decompress(Path(hepmc_file).read_bytes())
    (tmp_path / "two.hepmc").write_bytes(text + text)
    _, columns = all_columns(tmp_path / "two.hepmc", ("Event.Weight",))
    np.testing.assert_array_equal(columns["Event.Weight"].values, np.tile(WEIGHTS, 2))


def test_longer_truth_is_refused(refuses, tmp_path, hepmc_file, zw_events):
    path = write_lhe(tmp_path / "long.lhe", zw_events.truth[:61], np.ones(61))
    refuses(hepmc_file, "--truth", path, "--config", HEPMC + ":lhe", words=(path, "expected 60 events", "found more"))
