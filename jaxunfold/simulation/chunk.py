"""One chunk of collisions with random streams of its own: the unit of parallel work and of resuming."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxunfold.simulation import generator
from jaxunfold.simulation.detector import detect
from jaxunfold.simulation.jets import find_jets
from jaxunfold.simulation.process import Process
from jaxunfold.simulation.selection import project_massless, select

STAGES = ("start", "pythia", "detector", "jets", "select")


class Chunk(NamedTuple):
    """Accepted events of one chunk, as float32 in file order, and what they cost.

    generated: collisions after the early veto; seconds: CPU seconds of each of STAGES.
    """

    truth: np.ndarray
    reco: np.ndarray
    mask: np.ndarray
    extra: np.ndarray
    generated: int
    seconds: np.ndarray


class Cost(NamedTuple):
    """What is remembered of a chunk whose events are in a file: how many, and as in ``Chunk``."""

    events: int
    generated: int
    seconds: np.ndarray


def pythia_seed(seed: int, index: int) -> int:
    """Pythia's seed for one chunk, 1 to 900,000,000.

    Hashed, so that neighbouring seeds of a user share no chunk, as seed + index would have them do.
    """
    return 1 + int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0] % 900_000_000)


def run_chunk(
    process: Process, seed: int, index: int, limit: int, on_events: Callable[[int], None] | None = None
) -> Chunk:
    """Generate, measure and select one chunk.

    Args:
      limit: Stop after the batch in which so many events have been accepted, and cut there.
      on_events: Called with the number of events accepted so far.
    """
    clock = time.process_time
    seconds = dict.fromkeys(STAGES, 0.0)

    def timed(stage, function, *args):
        begin = clock()
        out = function(*args)
        seconds[stage] += clock() - begin
        return out

    energy = f"Beams:eCM = {process.sqrt_s_gev}"
    settings = (energy, *process.pythia)
    engine, records = timed("start", generator.start, settings, pythia_seed(seed, index), process.truth, process.veto)
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    parts, accepted, generated = [], 0, 0
    while generated < process.chunk and accepted < limit:
        num = min(process.batch, process.chunk - generated)
        events = timed("pythia", generator.next_batch, engine, records, num)
        measured = timed("detector", detect, rng, process.detector, events.particles)
        jets = timed("jets", find_jets, process.detector, measured, events.num_events)
        hard = project_massless(events.hard, process.truth, process.resonances)
        part = timed("select", select, process.selection, hard, measured, jets)
        parts.append(part)
        accepted, generated = accepted + len(part.row), generated + num
        if on_events:
            on_events(min(accepted, limit))
    truth, reco, mask = (
        np.concatenate([getattr(p, name) for p in parts])[:limit] for name in ("truth", "reco", "mask")
    )
    columns = {"n_jets": np.concatenate([p.num_jets for p in parts])}
    columns["met_px"], columns["met_py"] = np.concatenate([p.met for p in parts]).T
    extra = np.zeros((len(truth), len(process.extra)), np.float32)
    for place, name in enumerate(process.extra):
        extra[:, place] = columns[name][:limit]
    cost = np.array([seconds[stage] for stage in STAGES])
    return Chunk(truth.astype(np.float32), reco.astype(np.float32), mask, extra, generated, cost)
