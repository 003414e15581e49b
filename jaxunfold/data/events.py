"""An event sample in memory, its reading and writing: the type that the rest of the package is fed with."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from jaxunfold.data import checks, schema
from jaxunfold.data.files import write_datasets
from jaxunfold.errors import InputError

ARRAYS = ("reco", "truth", "mask", "extra", "weight", "pass_truth", "pass_reco")
MIN_TRAINING = 10


@dataclass(frozen=True, eq=False)
class Events:
    """Paired events on the host, one row each, in the units of the file.

    reco: [n, n_reco, 4] (E, px, py, pz) in GeV, zero-padded, or [n, r] for a table; no columns where nothing is
      measured, as of generated events: ``nothing_measured``.
    truth: [n, n_truth, 4] or [n, d]; None for measured data.
    mask: [n, n_reco], True where the object is present; None for a table.
    extra: [n, e] more measured columns. weight: [n], None for 1. pass_truth, pass_reco: [n], None for True.
    names: labels of the particles (p0, p1, ... unless given), or names of the columns (x0, x1, ...).
    units: of a table's columns.
    attrs: what is known of the sample: process, sqrt_s_gev, generator, seed, code_version.
    """

    reco: np.ndarray
    truth: np.ndarray | None = None
    mask: np.ndarray | None = None
    extra: np.ndarray | None = None
    weight: np.ndarray | None = None
    pass_truth: np.ndarray | None = None
    pass_reco: np.ndarray | None = None
    truth_names: tuple[str, ...] = ()
    reco_names: tuple[str, ...] = ()
    extra_names: tuple[str, ...] = ()
    truth_units: tuple[str, ...] = ()
    reco_units: tuple[str, ...] = ()
    attrs: dict = field(default_factory=dict)
    path: str = ""

    def __post_init__(self):
        for name, values, prefix in (
            ("truth_names", self.truth, "p"),
            ("reco_names", self.reco, "p"),
            ("extra_names", self.extra, "e"),
        ):
            names = tuple(getattr(self, name))
            if not names and values is not None:
                prefix = "x" if values.ndim == 2 and prefix == "p" else prefix
                names = tuple(f"{prefix}{i}" for i in range(values.shape[1]))
            object.__setattr__(self, name, names)

    @property
    def kind(self) -> str:
        """ "momenta" for four-vectors, "table" for named columns."""
        return "momenta" if self.reco.ndim == 3 else "table"

    def __len__(self) -> int:
        return len(self.reco)

    def __getitem__(self, rows: slice | np.ndarray) -> "Events":
        """The events of a slice, an index array or a boolean array."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        picked = {name: value[rows] for name, value in arrays.items() if value is not None}
        return dataclasses.replace(self, **picked)


def read(path: str | os.PathLike, require_truth: bool = False, limit: int | None = None) -> Events:
    """Read an event file or a table file after all checks of its structure and values.

    Args:
      path: HDF5 file, schema 1.
      require_truth: Refuse a file without truth.
      limit: Read the first so many events only.
    Raises: InputError, one line that names the file, the dataset, what was expected and what was found.
    """
    with schema.open_file(path) as file:
        header = schema.read_header(file, require_truth)
        stop = header.num_events if limit is None else min(limit, header.num_events)
        events = read_rows(file, header, 0, stop)
    check(events)
    return events


def read_rows(file: h5py.File, header: schema.Header, start: int, stop: int) -> Events:
    """Rows [start, stop) of an open file, without a check of their values."""
    names = {"reco": f"reco/{header.kind}", "truth": f"truth/{header.kind}", "extra": "reco/extra"}
    names["mask"] = "reco/mask" if header.kind == "momenta" else "no mask"
    arrays = {name: schema.read_rows(file, header, names.get(name, name), start, stop) for name in ARRAYS}
    if arrays["reco"] is None:
        arrays["reco"] = nothing_measured(arrays["truth"])
        arrays["mask"] = None if header.kind == "table" else np.zeros(arrays["reco"].shape[:2], bool)
    about = header._asdict()
    texts = ("truth_names", "reco_names", "extra_names", "truth_units", "reco_units", "attrs", "path")
    return Events(**arrays, **{name: about[name] for name in texts})


def nothing_measured(truth: np.ndarray) -> np.ndarray:
    """The reco of events of which nothing is measured, [n, 0, 4] or [n, 0] as the truth is."""
    return np.zeros((len(truth), 0, 4)[: truth.ndim], np.float32)


def truth_alone(events: Events) -> Events:
    """The same events with nothing measured: those that pass at truth level, without reco.

    Raises: InputError if there is no truth.
    """
    if events.truth is None:
        raise InputError(f"{events.path or 'events'}: expected truth/{events.kind}, found none")
    if events.pass_truth is not None:
        events = events[events.pass_truth]
    reco = nothing_measured(events.truth)
    mask = np.zeros(reco.shape[:2], bool) if reco.ndim == 3 else None
    gone = dict.fromkeys(("extra", "pass_truth", "pass_reco")) | dict.fromkeys(("reco_names", "extra_names"), ())
    return dataclasses.replace(events, reco=reco, mask=mask, reco_units=(), **gone)


def check(events: Events, first_row: int = 0, partial: bool = False) -> None:
    """Check the values of a sample, which starts at ``first_row`` of its file.

    ``partial`` leaves out what needs the whole sample: the median energy and the sum of weights.
    """
    path = events.path or "events"
    for name in ("reco", "truth"):
        values = getattr(events, name)
        if values is None:
            continue
        dataset, names = f"{name}/{events.kind}", getattr(events, f"{name}_names")
        checks.check_finite(path, dataset, values, names, first_row)
        if events.kind == "momenta":
            checks.check_mass_shell(path, dataset, values, names, first_row)
    if events.kind == "momenta" and not partial:
        check_units(events)
    if events.mask is not None:
        checks.check_mask(path, events.reco, events.mask, events.reco_names, first_row)
    if events.extra is not None:
        checks.check_finite(path, "reco/extra", events.extra, events.extra_names, first_row)
    if events.weight is not None:
        checks.check_finite(path, "weight", events.weight, (), first_row)
        if not partial:
            checks.check_weight_sum(path, float(np.sum(events.weight, dtype=np.float64)))


def scan(path: str | os.PathLike, require_truth: bool = False) -> schema.Header:
    """All checks of ``read`` on a file that may be larger than memory, chunk by chunk; returns its header."""
    total = 0.0
    with schema.open_file(path) as file:
        header = schema.read_header(file, require_truth)
        for start in range(0, header.num_events, schema.CHUNK):
            events = read_rows(file, header, start, min(start + schema.CHUNK, header.num_events))
            check(events, start, partial=True)
            if start == 0 and header.kind == "momenta":
                check_units(events)
            total += float(np.sum(1.0 if events.weight is None else events.weight, dtype=np.float64))
    checks.check_weight_sum(header.path, total)
    return header


def check_units(events: Events) -> None:
    """Check by their median that the energies of a sample of momenta are in GeV."""
    for name in ("reco", "truth"):
        if getattr(events, name) is not None:
            sqrt_s = _number(events.attrs.get("sqrt_s_gev"))
            checks.check_units(events.path or "events", f"{name}/momenta", getattr(events, name), sqrt_s)


def concatenate(parts: Sequence[Events]) -> Events:
    """Samples of the same columns, one after the other."""
    columns = {name: [getattr(part, name) for part in parts] for name in ARRAYS}
    joined = {name: None if values[0] is None else np.concatenate(values) for name, values in columns.items()}
    return dataclasses.replace(parts[0], **joined)


def accepted(events: Events) -> Events:
    """The events that pass at truth and at reco level, without flags: what a generative method trains on."""
    flags = [flag for flag in (events.pass_truth, events.pass_reco) if flag is not None]
    if not flags:
        return events
    return dataclasses.replace(events[np.logical_and.reduce(flags)], pass_truth=None, pass_reco=None)


def with_placeholders(events: Events) -> Events:
    """The same with truth or reco of an event that passes both in place of what does not pass.

    What a file holds for an event that was not reconstructed, or has no truth, need not be physical.
    Raises: InputError if no event passes both.
    """
    passes = {name: getattr(events, f"pass_{name}") for name in ("truth", "reco")}
    if all(flag is None for flag in passes.values()) or events.truth is None:
        passes.pop("truth")
    good = np.logical_and.reduce([np.ones(len(events), bool), *(f for f in passes.values() if f is not None)])
    if good.all():
        return events
    if not good.any():
        raise InputError(
            f"{events.path or 'events'}: expected an event that passes at truth and reco level, found none"
        )
    changes, first = {}, int(np.argmax(good))
    for level, arrays in (("truth", ("truth",)), ("reco", ("reco", "mask", "extra"))):
        for name in arrays:
            values = getattr(events, name)
            if values is not None and passes.get(level) is not None:
                changes[name] = values.copy()
                changes[name][~passes[level]] = values[first]
    return dataclasses.replace(events, **changes)


def require_trainable(events: Events, minimum: int = MIN_TRAINING) -> None:
    """Refuse a sample that nothing can be trained on: too few events, or no truth."""
    path = events.path or "events"
    if events.truth is None:
        raise InputError(f"{path}: training expected truth/{events.kind}, found none")
    if len(events) < minimum:
        raise InputError(f"{path}: training expected at least {minimum} events, found {len(events)}")


def write(path: str | os.PathLike, events: Events) -> None:
    """Write an event file, atomically and compressed. Raises: InputError where it cannot be written."""
    reco, truth = f"reco/{events.kind}", f"truth/{events.kind}"
    key = "labels" if events.kind == "momenta" else "names"
    datasets = {reco: (events.reco, {key: events.reco_names, "units": events.reco_units})}
    if not events.reco.shape[1]:
        datasets = {}
    if events.truth is not None:
        datasets[truth] = (events.truth, {key: events.truth_names, "units": events.truth_units})
    if reco in datasets and events.kind == "momenta":
        mask = events.reco.any(axis=-1) if events.mask is None else events.mask
        datasets["reco/mask"] = (np.asarray(mask, bool), {})
    if events.extra is not None:
        datasets["reco/extra"] = (events.extra, {"names": events.extra_names})
    if events.weight is not None:
        datasets["weight"] = (events.weight, {})
    for name in ("pass_truth", "pass_reco"):
        if getattr(events, name) is not None:
            datasets[name] = (np.asarray(getattr(events, name), bool), {})
    for name, (values, _) in datasets.items():
        if len(values) != len(events):
            raise InputError(f"{path}: {name} expected {len(events)} events as {reco}, found {len(values)}")
    if not len(events) or not datasets:
        raise InputError(f"{path}: expected at least one event to write, found none")
    write_datasets(path, datasets, events.attrs)


def sample_path(name: str) -> str:
    """Path of an event sample that ships with the package, e.g. "zw_2jet"."""
    folder = Path(__file__).parent / "samples"
    path = folder / f"{name}.h5"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.h5"))) or "none"
        raise InputError(f"{path}: no embedded sample {name!r}, expected one of {known}")
    return str(path)


def _number(value) -> float | None:
    return float(value) if isinstance(value, (int, float)) and np.isfinite(value) and value > 0 else None
