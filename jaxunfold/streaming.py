"""Unfolding of a file that may be larger than memory, part by part: a part's draws depend on nothing but the part.

The parts are cut by the numbers of events and of draws alone, and have the draws that the sample has as a whole, so
that the result depends neither on who computes them nor on interruptions. A method that needs the measured sample as
a whole has one part.
"""

import functools
import hashlib
import json
import os
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

import jaxunfold
from jaxunfold import config as configs
from jaxunfold.bundle.files import hash_of
from jaxunfold.bundle.per_event import median_and_width
from jaxunfold.data import preprocess, schema
from jaxunfold.data.events import Events, check, read_rows
from jaxunfold.data.location import fingerprint, resolve
from jaxunfold.errors import InputError
from jaxunfold.metrics.compared import momenta_observables, table_columns, with_named
from jaxunfold.physics.observables import column_expressions
from jaxunfold.run import DRAWS_PER_CALL, Run, events_per_call
from jaxunfold.saved import load
from jaxunfold.types import Unfolded

PART_DRAWS = 2**20
"""Draws of a part, about."""


class Job(NamedTuple):
    """What is unfolded: all that a part depends on, in plain numbers and texts.

    workdir, data: paths of the run and the file that hold on every machine, as "model:NAME" and "sample:NAME" do.
    model, sample: their hashes. num_events: rows of the file; rows: of a part;
    call: of a call of the network. uncertainty: whether sigma / p of each draw is computed.
    """

    workdir: str
    data: str
    model: str
    sample: str
    num_events: int
    rows: int
    call: int
    draws: int
    seed: int
    uncertainty: bool

    @property
    def num_parts(self) -> int:
        """How many parts the file has."""
        return -(-self.num_events // self.rows)

    @property
    def key(self) -> str:
        """A hash of all that the result depends on, wherever its files are."""
        about = [*self._replace(workdir="", data=""), jaxunfold.__version__]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]

    def span(self, index: int) -> tuple[int, int]:
        """Rows [start, stop) of a part."""
        return index * self.rows, min((index + 1) * self.rows, self.num_events)


def model_hash(run: Run) -> str:
    """A hash of all that the run's draws depend on."""
    return hash_of((run.state, run.fitted), configs.to_json(run.config))


def make_job(run: Run, workdir: str, data: str, num_events: int, draws: int, seed: int, uncertainty: bool) -> Job:
    """The job of unfolding a file of so many events."""
    rows = call = num_events
    if not run.method.whole_sample:
        call = events_per_call(num_events, draws)
        rows = call * max(1, min(PART_DRAWS // (call * draws), DRAWS_PER_CALL // call))
    hashes = model_hash(run), fingerprint(resolve(data))
    return Job(_absolute(workdir), _absolute(data), *hashes, num_events, rows, call, draws, seed, uncertainty)


def _absolute(path: str) -> str:
    return path if path.startswith(("model:", "sample:")) else os.path.abspath(path)


def compute(run: Run, job: Job, index: int, progress: Callable[[int], None] | None = None) -> dict[str, np.ndarray]:
    """The rows of the result that belong to a part, {name of the dataset: rows}; "names" are those of ``per_event``.

    progress: Called with the number of events finished since the last call.
    Raises: InputError for events that do not fit, or draws that are not finite.
    """
    start, stop = job.span(index)
    with schema.open_file(resolve(job.data)) as file:
        events = read_rows(file, schema.read_header(file), start, stop)
    try:
        check(events, start, partial=True)
        events = run.events(events)
        unfolded, encoded = _unfold(run, job, events, start, progress)
        return {name: values for name, values in _rows(run, unfolded, events, encoded, start) if values is not None}
    except InputError as error:
        if not start:
            raise
        raise InputError(f"{error} (in the events from {start} to {stop - 1})") from error


def compute_apart(job: Job, index: int) -> dict[str, np.ndarray]:
    """``compute`` in a process that has nothing but the job: run and file are found where it says.

    Raises: InputError as well where they are not those of the job.
    """
    run = _loaded(job.workdir, job.model)
    if (found := fingerprint(resolve(job.data))) != job.sample:
        raise InputError(f"{job.data}: expected the file of hash {job.sample} on every machine, found {found}")
    return compute(run, job, index)


@functools.lru_cache(maxsize=1)
def _loaded(workdir: str, model: str) -> Run:
    run = load(workdir)
    if (found := model_hash(run)) != model:
        raise InputError(f"{workdir}: expected the run of hash {model} on every machine, found {found}")
    return run


def _unfold(run: Run, job: Job, events: Events, start: int, progress):
    """(draws, the events as the network sees them, None where placeholders stand for some of them)."""
    key = jax.random.key(job.seed)
    if run.method.whole_sample:
        return run.unfold(key, events, job.draws, progress, job.uncertainty), None
    encoded = preprocess.encode_reco(run.pipeline, run.fitted, events)
    unfolded = run.unfold_encoded(key, encoded, job.draws, progress, job.uncertainty, start, job.call)
    return unfolded, encoded if events.pass_reco is None or events.pass_reco.all() else None


def _rows(run: Run, unfolded: Unfolded, events: Events, encoded, start: int):
    """(name of a dataset, its rows or None) of the result of these events."""
    yield f"samples/{run.problem.kind}", unfolded.samples
    inside, density = run.in_support(events, encoded) or (None, None)
    yield "log_weights", unfolded.log_weights
    yield "member", unfolded.member
    yield "weight", events.weight
    yield "sample_weight", unfolded.weight
    yield "yields", unfolded.yields
    yield "uncertainty", unfolded.uncertainty
    yield "event", np.arange(start, start + len(events))
    yield "in_support", inside
    yield "log_support", density
    for name, values in (unfolded.info or {}).items():
        yield f"info/{name}", np.atleast_1d(values)
    if len(unfolded.samples) == len(events):
        yield from per_event(run, unfolded).items()


def per_event(run: Run, unfolded: Unfolded) -> dict[str, np.ndarray]:
    """Median and width of every observable's draws in each event, [n, m], and the observables' names [m]."""
    names, medians, widths = [], [], []
    for name, draws in observables(run, unfolded.samples).items():
        median, width = median_and_width(draws, np.asarray(unfolded.log_weights))
        names, medians, widths = [*names, name], [*medians, median], [*widths, width]
    return {
        "per_event/median": np.stack(medians, -1).astype(np.float32),
        "per_event/width_68": np.stack(widths, -1).astype(np.float32),
        "names": np.array(names),
    }


def observables(run: Run, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Canonical and named observables of draws, each [n, k]."""
    names = run.problem.truth_names
    if run.problem.kind == "momenta":
        return momenta_observables(samples, names, run.resonances, run.named)
    units = run.problem.truth_units or ("",) * len(names)
    return with_named(table_columns(samples, names), column_expressions(dict(zip(names, units)), run.named))
