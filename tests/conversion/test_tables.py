"""Flat files of every kind, as their libraries write them, become the same table file; what is wrong is named."""

import json

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from jaxunfold import convert, readers

RNG = np.random.default_rng(7)
N = 200
COLUMNS = {
    "gen_pt": RNG.gamma(3.0, 20.0, N),
    "gen_m": RNG.normal(80.0, 5.0, N),
    "pt": RNG.gamma(3.0, 20.0, N),
    "m": RNG.normal(80.0, 9.0, N),
    "w": RNG.choice([-1.0, 0.0, 2.0], N) + 0.5,
    "seen": RNG.random(N) < 0.7,
}
FLAGS = (
    "--config", "configs/data/columns.py", "--config.truth.columns={'pt': 'gen_pt', 'm': 'gen_m'}",
    "--config.reco.columns={'pt_det': 'pt', 'm_det': 'm'}", "--config.weight=w",
    "--config.reco.order=('pt_det', 'm_det')", "--config.truth.units={'pt': 'GeV'}",
)  # fmt: skip


def write_root(path, columns):
    with uproot.recreate(path) as file:
        file["ntuple"] = columns


def write_parquet(path, columns):
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)


def write_csv(path, columns):
    rows = [",".join(columns), *(",".join(repr(float(v)) for v in row) for row in zip(*columns.values()))]
    path.write_text("\n".join(rows) + "\n")


def write_npz(path, columns):
    np.savez(path, **columns)


def write_h5(path, columns):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[name] = values


def write_compound(path, columns):
    kinds = [(name, values.dtype) for name, values in columns.items()]
    table = np.empty(len(columns["w"]), kinds)
    for name, values in columns.items():
        table[name] = values
    with h5py.File(path, "w") as file:
        file["events"] = table


WRITERS = {"root": write_root, "parquet": write_parquet, "csv": write_csv, "npz": write_npz, "h5": write_h5}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_gives_the_same_table(converts, tmp_path, kind, monkeypatch):
    for module in ("arrays", "arrow"):
        monkeypatch.setattr(f"jaxunfold.readers.{module}.ROWS", 64)
    WRITERS[kind](tmp_path / f"flat.{kind}", COLUMNS)
    out = converts(tmp_path / f"flat.{kind}", *FLAGS)
    assert out.truth_names == ("m", "pt")
    assert out.truth_units == ("", "GeV")
    assert out.reco_names == ("pt_det", "m_det")
    np.testing.assert_allclose(out.truth, np.stack([COLUMNS["gen_m"], COLUMNS["gen_pt"]], -1), rtol=1e-6)
    np.testing.assert_allclose(out.reco, np.stack([COLUMNS["pt"], COLUMNS["m"]], -1), rtol=1e-6)
    np.testing.assert_allclose(out.weight, COLUMNS["w"], rtol=1e-6)


def test_flags_and_compound_columns(converts, tmp_path):
    write_compound(tmp_path / "flat.h5", COLUMNS)
    flags = [f.replace("gen_", "events.gen_").replace("'pt'}", "") for f in FLAGS[:3]]
    flags += ["--config.reco.columns={'pt': 'events.pt'}", "--config.reco.passes=events.seen", "--config.keep=all"]
    out = converts(tmp_path / "flat.h5", *flags)
    np.testing.assert_array_equal(out.pass_reco, COLUMNS["seen"])
    assert out.pass_truth.all()
    assert len(converts(tmp_path / "flat.h5", *flags[:-1])) == COLUMNS["seen"].sum()


def test_lists_of_a_nanoaod_like_tree(converts, tmp_path):
    """Entries of lists by their place; an event without one does not pass and is counted."""
    counts = RNG.integers(0, 4, N)
    jets = ak.Array([RNG.gamma(3.0, 20.0, c).tolist() for c in counts])
    write_parquet(tmp_path / "lists.parquet", {"w": COLUMNS["w"] + 2, "Jet_pt": pa.array(ak.to_list(jets))})
    with uproot.recreate(tmp_path / "lists.root") as file:
        file.mktree("Events", {"Jet_pt": "var * float64", "w": "float64"})
        file["Events"].extend({"Jet_pt": jets, "w": COLUMNS["w"] + 2})
    flags = (
        "--config",
        "configs/data/columns.py:data",
        "--config.reco.columns={'lead': 'Jet_pt[0]', 'sub': 'Jet_pt[1]'}",
    )
    for name in ("lists.root", "lists.parquet"):
        out = converts(tmp_path / name, *flags, "--config.weight=w")
        expected = ak.to_numpy(ak.Array([row[:2] for row in ak.to_list(jets) if len(row) > 1]))
        np.testing.assert_allclose(out.reco, expected, rtol=1e-6)
        np.testing.assert_allclose(out.weight, COLUMNS["w"][counts > 1] + 2, rtol=1e-6)
        assert f"reco: all columns are there: {(counts > 1).sum()}" in out.attrs["cuts"]
        assert out.truth is None


def test_momenta_of_a_nanoaod_like_tree(converts, tmp_path, zw_events):
    """The same objects as of Delphes with other branches, in MeV, by a config of one's own."""
    reco = zw_events.reco.astype(np.float64)
    names = ("E", "px", "py", "pz")
    lepton = {f"lep_{n}": reco[:, 0, i] * 1000 for i, n in enumerate(names)}
    jets = ak.Array([[{n: q[i] * 1000 for i, n in enumerate(names)} for q in event[2:]] for event in reco])
    with uproot.recreate(tmp_path / "nano.root") as file:
        kinds = {**dict.fromkeys(lepton, "float64"), "Jet": ak.type(jets).content}
        file.mktree("Events", kinds)
        file["Events"].extend({**lepton, "Jet": jets})
    collections = {
        "lep": {n: f"lep_{n}" for n in names},
        "Jet": {n: f"Jet_{n}" for n in names},
    }
    objects = {"j": {"of": "Jet", "slots": 3, "number": (0, None)}, "l": {"of": "lep"}}
    config = {
        "name": "nano", "source": {"unit": "MeV"}, "extra": {"n_jets": ("count", "j")},
        "reco": {"collections": collections, "objects": objects, "order": ("l", "j")},
    }  # fmt: skip
    (tmp_path / "nano.py").write_text(f"def get_config():\n    return {config!r}\n")
    out = converts(tmp_path / "nano.root", "--config", tmp_path / "nano.py")
    assert out.reco_names == ("l", "j1", "j2", "j3")
    np.testing.assert_allclose(out.reco[:, 0], reco[:, 0], rtol=1e-6)
    np.testing.assert_allclose(out.reco[:, 1:3].sum(1), reco[:, 2:].sum(1), rtol=1e-5, atol=1e-3)
    assert not out.mask[:, 3].any()
    np.testing.assert_array_equal(out.extra[:, 0], 2)
    # the config is on record in the file
    assert json.loads(out.attrs["config"])["source"]["unit"] == "MeV"


def test_broken_tables_are_named(refuses, tmp_path):
    def refused(kind, columns, *words, flags=FLAGS):
        path = tmp_path / f"bad.{kind}"
        path.write_bytes(columns) if isinstance(columns, bytes) else WRITERS[kind](path, columns)
        refuses(path, *flags, words=(path, *words))

    for kind in WRITERS:
        refused(kind, {k: v for k, v in COLUMNS.items() if k != "gen_m"}, "expected a column 'gen_m', found gen_pt")
        refused(kind, {k: v.astype(float)[:0] for k, v in COLUMNS.items()}, "expected at least one")
        bad = COLUMNS["m"].copy()
        bad[150] = np.nan
        refused(kind, {**COLUMNS, "m": bad}, "event 150: m expected a finite number, found nan")
        good = (tmp_path / f"bad.{kind}").read_bytes()
        if kind != "csv":
            refused(kind, good[: len(good) // 3], "")
        refused(kind, b"", "expected events, found an empty file") if kind != "h5" else refused(kind, b"", "empty")
    write_csv(tmp_path / "bad.csv", COLUMNS)
    lines = (tmp_path / "bad.csv").read_bytes().splitlines(keepends=True)
    refused("csv", b"".join([*lines[:90], b"1,2,3\n", *lines[90:]]), "Expected 6 columns, got 3")
    refused("csv", b"".join([*lines[:90], lines[90].replace(b".", b"x", 1), *lines[91:]]), "x")
    refused("csv", b"".join([*lines[:90], b",,,,,\n"]), "event 89: ", "expected a finite number, found nan")
    refused("npz", {**COLUMNS, "m": COLUMNS["m"][:99]}, "events as ", "99", "200")
    refused("npz", {**COLUMNS, "m": np.array(["a"] * N)}, "m expected numbers, found <U1")
    refused("npz", {**COLUMNS, "m": np.array([None] * N)}, "m cannot be read")
    refused("npz", {**COLUMNS, "m": np.zeros((N, 2))}, "event 0: m expected one number, found 2: name one as m[0]")
    write_csv(tmp_path / "zero.csv", {**COLUMNS, "w": np.zeros(N)})
    refuses(tmp_path / "zero.csv", *FLAGS, words=("out.h5: weight expected a positive sum, found 0",))
    two = tmp_path / "two.root"
    with uproot.recreate(two) as file:
        file["a"], file["b"] = COLUMNS, COLUMNS
    refuses(two, *FLAGS, words=(two, "expected one tree, or source.tree to name it, found a, b"))
    refuses(two, *FLAGS, "--config.source.tree=c", words=("expected a tree 'c', found a, b",))


def test_null_lists_of_parquet_are_refused(refuses, tmp_path):
    write_parquet(tmp_path / "a.parquet", {"x": pa.array([[1.0], None, [2.0]])})
    flags = ("--config", "configs/data/columns.py:data", "--config.reco.columns={'x': 'x[0]'}")
    refuses(tmp_path / "a.parquet", *flags, words=("x expected lists, found a missing one in row 1",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keep": "some"}, ("keep: expected one of accepted, all, found 'some'",)),
        ({"source": {"unit": "keV"}}, ("source.unit: expected one of GeV, MeV, TeV, found 'keV'",)),
        ({"sources": {}}, ("config: expected the keys name, ", "wrong: sources")),
        ({"reco": {"columns": {}}}, ("reco.columns: expected {name: column of the file}, found {}",)),
        ({"reco": {"columns": {"a": "pt"}, "order": ("b",)}}, ("reco.order: expected each of a once, found b",)),
        ({"reco": {"columns": {"a": "pt"}, "units": {"b": "GeV"}}}, ("reco.units: expected some of a, found 'b'",)),
        ({"match": {"pairs": {"a": "a"}}}, ("match, extra and detector expected four-momenta",)),
        ({"reco": {"collections": {"e": {"pt": "pt"}}, "objects": {"e": {"of": "e"}}}},
         ("reco.collections.e: expected E, px, py, pz or pt, eta, phi, mass (or E), found pt",)),
    ],
)  # fmt: skip
def test_configs_are_refused_before_any_work(refuses, tmp_path, change, words):
    write_npz(tmp_path / "flat.npz", COLUMNS)
    config = {"name": "x", "reco": {"columns": {"a": "pt"}}, **change}
    (tmp_path / "bad.py").write_text(f"def get_config():\n    return {config!r}\n")
    refuses(tmp_path / "flat.npz", "--config", tmp_path / "bad.py", words=words)


def test_the_source_is_never_overwritten(tmp_path, capsys):
    path = tmp_path / "flat.npz"
    write_npz(path, COLUMNS)
    assert convert.main([str(path), *FLAGS, "--out", str(path)]) == 2
    assert "expected another file than the source" in capsys.readouterr().err
    assert readers.open_source(str(path)).total == N


def test_a_full_disk_leaves_nothing(tmp_path, capsys, monkeypatch):
    """Every write fails after the first kilobyte, as on a full disk: one line, and no file."""
    from jaxunfold.data import rows

    class Full(rows._File):
        def put(self, data):
            if self.tell() > 1000:
                raise OSError(28, "No space left on device")
            return super().put(data)

    monkeypatch.setattr(rows, "_File", Full)
    write_npz(tmp_path / "flat.npz", COLUMNS)
    out = tmp_path / "out" / "table.h5"
    assert convert.main([str(tmp_path / "flat.npz"), *FLAGS, "--out", str(out)]) == 2
    assert "table.h5: cannot be written (No space left on device)" in capsys.readouterr().err
    assert list(out.parent.iterdir()) == []
