"""Event files: exact round trip, and one clear line for every kind of bad file."""

import errno
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from jaxunfold.data import events as ev
from jaxunfold.errors import InputError

LABELS = ("e-", "e+", "j1", "j2", "j3")


def make(n=40, seed=0):
    rng = np.random.default_rng(seed)
    p3 = rng.normal(size=(n, 5, 3)) * 60
    p = np.concatenate([np.linalg.norm(p3, axis=-1, keepdims=True), p3], -1).astype(np.float32)
    mask = np.ones((n, 5), bool)
    mask[::2, 4] = False
    return ev.Events(
        reco=np.where(mask[..., None], p, 0),
        truth=p[:, :4],
        mask=mask,
        extra=mask.sum(1, keepdims=True).astype(np.float32),
        weight=rng.normal(1.0, 0.5, n).astype(np.float32),
        pass_reco=rng.random(n) < 0.9,
        truth_names=("e-", "e+", "q1", "q2"),
        reco_names=LABELS,
        extra_names=("n_jets",),
        attrs={"process": "zw_jets", "sqrt_s_gev": 13000.0, "seed": 7},
    )


def make_table(n=30):
    x = np.random.default_rng(1).normal(size=(n, 3)).astype(np.float32)
    return ev.Events(reco=x, truth=x[:, :2], reco_names=("a", "b", "c"), reco_units=("GeV", "", "rad"))


def assert_same(a, b):
    for name in ev.ARRAYS:
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None), name
        if x is not None:
            np.testing.assert_array_equal(x, y)
    assert (a.truth_names, a.reco_names, a.extra_names) == (b.truth_names, b.reco_names, b.extra_names)
    assert a.attrs == b.attrs


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "events.h5"
    ev.write(path, make())
    return path


def message(path, **options):
    with pytest.raises(InputError) as info:
        ev.read(path, **options)
    text = str(info.value)
    assert "\n" not in text
    assert os.fspath(path) in text
    with pytest.raises(InputError):  # the check of a file larger than memory sees the same
        ev.scan(path, require_truth=options.get("require_truth", False))
    return text


@pytest.mark.parametrize("events", [make(), make_table()], ids=["momenta", "table"])
def test_round_trip_is_exact(events, tmp_path):
    ev.write(tmp_path / "a.h5", events)
    back = ev.read(tmp_path / "a.h5", require_truth=True)
    assert_same(events, back)
    assert back.kind == events.kind
    assert os.listdir(tmp_path) == ["a.h5"]  # no temporary file is left
    header = ev.scan(tmp_path / "a.h5", require_truth=True)
    assert header.num_events == len(events)


def test_a_table_without_measured_columns_is_a_density_to_learn(tmp_path):
    truth = np.random.default_rng(2).normal(size=(20, 2)).astype(np.float32)
    path = str(tmp_path / "density.h5")
    ev.write(path, ev.Events(reco=np.zeros((20, 0), np.float32), truth=truth, truth_names=("x", "y")))
    found = ev.read(path)
    assert found.reco.shape == (20, 0)
    np.testing.assert_array_equal(found.truth, truth)


def test_table_units_survive(tmp_path):
    ev.write(tmp_path / "a.h5", make_table())
    back = ev.read(tmp_path / "a.h5")
    assert back.reco_units == ("GeV", "", "rad")
    assert back.truth_names == ("x0", "x1")


def test_same_events_same_bytes(tmp_path):
    ev.write(tmp_path / "a.h5", make())
    ev.write(tmp_path / "b.h5", make())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_rows_and_limit(path):
    events = ev.read(path)
    assert len(ev.read(path, limit=7)) == 7
    assert_same(events[3:9], events[np.arange(3, 9)])
    assert_same(ev.concatenate([events[:11], events[11:]]), events)


def test_only_schema_and_data_are_required(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["schema"] = 1
        file["reco/momenta"] = np.array([[[5, 3, 0, 4], [0, 0, 0, 0]]])  # integers are converted
        file["reco/mask"] = np.array([[1, 0]], np.uint8)
    events = ev.read(tmp_path / "a.h5")
    assert events.reco.dtype == np.float32
    assert events.mask.tolist() == [[True, False]]
    assert events.reco_names == ("p0", "p1")
    assert (events.truth, events.weight, events.attrs) == (None, None, {})
    assert "truth/momenta" in message(tmp_path / "a.h5", require_truth=True)


def test_no_such_file_directory_and_not_hdf5(tmp_path):
    assert "no such file" in message(tmp_path / "none.h5")
    assert "directory" in message(tmp_path)
    (tmp_path / "text.h5").write_text("E, px, py, pz\n" * 100)
    assert "not an HDF5 file" in message(tmp_path / "text.h5")
    (tmp_path / "empty.h5").write_bytes(b"")
    assert "not an HDF5 file" in message(tmp_path / "empty.h5")


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated(path, kept):
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    assert "truncated" in message(path)


def test_damaged_chunk(path):
    with h5py.File(path) as file:
        place = file["truth/momenta"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[place + 20 : place + 200] = bytes(180)
    path.write_bytes(data)
    assert "truth/momenta cannot be read" in message(path)


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def replace(file, name, values):
    attrs = dict(file[name].attrs)
    del file[name]
    file[name] = values
    file[name].attrs.update(attrs)


def put(name, place, value):
    def change(file):
        file[name][place] = value

    return change


def both(*changes):
    def change(file):
        for one in changes:
            one(file)

    return change


BAD = {
    "schema 2": (lambda f: f.attrs.update(schema=2), ["schema", "expected 1", "found 2"]),
    "schema text": (lambda f: f.attrs.update(schema="1"), ["schema", "expected 1", "found '1'"]),
    "no schema": (lambda f: f.attrs.pop("schema"), ["schema", "found none"]),
    "no reco": (lambda f: f.pop("reco/momenta"), ["missing", "reco/momenta"]),
    "no mask": (lambda f: f.pop("reco/mask"), ["missing", "reco/mask"]),
    "group for dataset": (
        lambda f: (f.pop("weight"), f.create_group("weight")),
        ["weight", "expected a dataset", "found group"],
    ),
    "shape": (
        lambda f: replace(f, "reco/momenta", np.zeros((40, 5, 3))),
        ["reco/momenta", "[n, n_reco, 4]", "[40, 5, 3]"],
    ),
    "rank": (lambda f: replace(f, "weight", np.ones((40, 1))), ["weight", "[n]", "[40, 1]"]),
    "dtype": (
        lambda f: replace(f, "reco/momenta", np.zeros((40, 5, 4), "S3")),
        ["reco/momenta", "float32", "|S3"],
    ),
    "complex": (lambda f: replace(f, "weight", np.ones(40, complex)), ["weight", "complex128"]),
    "mask values": (lambda f: replace(f, "reco/mask", np.full((40, 5), 3)), ["reco/mask", "0 or 1"]),
    "nan": (put("truth/momenta", (17, 2, 1), np.nan), ["truth/momenta", "row 17", "q1 px", "NaN"]),
    "inf": (put("reco/momenta", (3, 1, 3), -np.inf), ["reco/momenta", "row 3", "e+ pz", "infinity"]),
    "nan weight": (put("weight", 5, np.nan), ["weight", "row 5", "NaN"]),
    "nan extra": (put("reco/extra", (5, 0), np.nan), ["reco/extra", "row 5", "n_jets"]),
    "two nan": (
        both(put("weight", 5, np.nan), put("weight", 8, np.nan)),
        ["row 5", "1 more rows"],
    ),
    "zero events": (
        lambda f: (
            [replace(f, n, f[n][:0]) for n in ("reco/momenta", "reco/mask", "reco/extra", "weight")]
            and [replace(f, n, f[n][:0]) for n in ("truth/momenta", "pass_reco")]
        ),
        ["at least one event", "zero"],
    ),
    "truth length": (
        lambda f: replace(f, "truth/momenta", f["truth/momenta"][:39]),
        ["truth/momenta", "(40)", "found 39"],
    ),
    "weight length": (lambda f: replace(f, "weight", np.ones(41)), ["weight", "(40)", "found 41"]),
    "mask shape": (
        lambda f: replace(f, "reco/mask", np.ones((40, 4), bool)),
        ["reco/mask", "[40, 5]", "[40, 4]"],
    ),
    "mass shell": (put("truth/momenta", (11, 3, 0), 1.0), ["truth/momenta", "row 11", "q2", "E >= |p|"]),
    "negative energy": (put("truth/momenta", (2, 0), [-5, 0, 0, 0]), ["row 2", "e-", "E = -5"]),
    "padding filled": (put("reco/momenta", (4, 4), [9, 0, 0, 1]), ["row 4", "j3", "zeros"]),
    "present is zero": (put("reco/momenta", (1, 4), 0.0), ["row 1", "j3", "a momentum"]),
    "MeV": (
        lambda f: [replace(f, n, f[n][:] * 1000) for n in ("truth/momenta", "reco/momenta")],
        ["expected GeV", "sqrt_s_gev = 13000", "MeV"],
    ),
    "TeV": (
        lambda f: [replace(f, n, f[n][:] / 1000) for n in ("truth/momenta", "reco/momenta")],
        ["expected GeV", "TeV"],
    ),
    "weights sum to zero": (lambda f: replace(f, "weight", np.zeros(40)), ["weight", "positive sum"]),
    "negative sum": (lambda f: replace(f, "weight", -np.ones(40)), ["positive sum", "-40"]),
    "labels twice": (
        lambda f: f["reco/momenta"].attrs.update(labels=["e-", "e+", "j1", "j1", "j2"]),
        ["labels", "distinct", "'j1' twice"],
    ),
    "labels too few": (lambda f: f["reco/momenta"].attrs.update(labels=["e-"]), ["5 strings", "found 1"]),
    "labels numbers": (lambda f: f["reco/momenta"].attrs.update(labels=np.arange(5)), ["labels", "strings"]),
    "overflow": (
        lambda f: replace(f, "weight", np.full(40, 1e300)),
        ["weight", "row 0", "infinity", "39 more rows"],
    ),
    "other kind of truth": (
        lambda f: f.create_dataset("truth/table", data=np.ones((40, 2))),
        ["truth/momenta", "truth/table"],
    ),
    "both kinds": (lambda f: f.create_dataset("reco/table", data=np.ones((40, 2))), ["found both"]),
    "external link": (
        lambda f: (f.pop("weight"), f.__setitem__("weight", h5py.ExternalLink("/etc/hostname", "/x"))),
        ["weight", "link"],
    ),
    "soft link": (
        lambda f: (f.pop("weight"), f.__setitem__("weight", h5py.SoftLink("/nowhere"))),
        ["weight", "link"],
    ),
    "external storage": (
        lambda f: (
            f.pop("weight"),
            f.create_dataset("weight", (40,), "f4", external=[("/etc/hostname", 0, 160)]),
        ),
        ["weight", "another"],
    ),
}


@pytest.mark.parametrize(("change", "words"), BAD.values(), ids=BAD)
def test_bad_file_is_one_clear_line(path, change, words):
    edit(path, change)
    text = message(path)
    for word in words:
        assert word in text, text


def test_float32_rounding_is_on_shell(path):
    edit(path, put("truth/momenta", (0, 0), [100 * (1 - 5e-6), 60, 0, 80]))
    assert len(ev.read(path)) == 40
    edit(path, put("truth/momenta", (0, 0), [100 * (1 - 2e-5), 60, 0, 80]))
    assert "row 0" in message(path)


def test_require_trainable():
    ev.require_trainable(make(ev.MIN_TRAINING))
    with pytest.raises(InputError, match=f"at least {ev.MIN_TRAINING} events, found 1"):
        ev.require_trainable(make(1))
    with pytest.raises(InputError, match="expected truth/momenta"):
        ev.require_trainable(ev.Events(reco=make().reco))


def test_write_refuses_what_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        ev.write(tmp_path / "none" / "a.h5", make())
    with pytest.raises(InputError, match="truth/momenta expected 40 events"):
        ev.write(tmp_path / "a.h5", ev.Events(reco=make().reco, truth=make().truth[:3]))
    assert os.listdir(tmp_path) == []


def test_full_disk_keeps_the_old_file(path, monkeypatch):
    def write_bytes(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(InputError, match=r"events.h5: cannot be written \(No space left on device\)"):
        ev.write(path, make(5))
    assert path.read_bytes() == before


def test_unknown_sample():
    with pytest.raises(InputError, match="no embedded sample 'nothing'"):
        ev.sample_path("nothing")


def test_events_of_which_nothing_is_measured(tmp_path):
    truth = np.array([[[5.0, 3.0, 0.0, 4.0]], [[13.0, 0.0, 5.0, 12.0]]], np.float32)
    path = tmp_path / "truth.h5"
    weight = np.array([1.0, 2.0], np.float32)
    ev.write(path, ev.Events(ev.nothing_measured(truth), truth, truth_names=("q",), weight=weight))
    found = ev.read(path, require_truth=True)
    assert (found.reco.shape, found.mask.shape, found.reco_names, len(found)) == ((2, 0, 4), (2, 0), (), 2)
    np.testing.assert_array_equal(found.truth, truth)
    with h5py.File(path, "a") as file:
        file["reco/mask"] = np.ones((2, 1), bool)
    with pytest.raises(InputError, match="missing dataset"):
        ev.read(path)


def test_truth_alone_keeps_what_passes_at_truth_level():
    truth = np.array([[1.0], [2.0], [3.0]], np.float32)
    flags = {"pass_truth": np.array([True, False, True]), "pass_reco": np.array([False, True, True])}
    found = ev.truth_alone(ev.Events(np.zeros((3, 2), np.float32), truth, **flags))
    np.testing.assert_array_equal(found.truth[:, 0], [1.0, 3.0])
    assert (found.reco.shape, found.reco_names, found.pass_reco) == ((2, 0), (), None)
