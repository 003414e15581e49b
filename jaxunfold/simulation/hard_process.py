"""A hard process alone, with the decays of its resonances: truth without shower, detector or anything measured.

What an event generator learns, as pp -> t tbar -> six partons of Butter, Plehn, Winterhalder, arXiv:1907.03764.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxunfold.data.events import Events
from jaxunfold.errors import InputError
from jaxunfold.simulation import STREAM, generator
from jaxunfold.simulation.chunk import pythia_seed
from jaxunfold.simulation.selection import project_massless

MOST_FAILURES = 1000


class HardProcess(NamedTuple):
    """A process.

    name: as recorded in the file; sqrt_s_gev: collision energy; pythia: Pythia's own "Group:key = value" lines.
    truth: labels of the final particles, in the order of the file.
    decays: {resonance: its two children}, labels or other resonances. pdg: the code of every resonance and of every
      leaf that is to be told by it; other leaves are taken in order, the particle before the antiparticle.
    massless: resonances whose two leaves are made massless, the resonance's four-momentum kept.
    """

    name: str
    sqrt_s_gev: float
    pythia: tuple[str, ...]
    truth: tuple[str, ...]
    decays: dict[str, tuple[str, ...]]
    pdg: dict[str, int]
    massless: tuple[str, ...]


def from_config(config: Mapping[str, Any]) -> HardProcess:
    """A process from a config's values. Raises InputError for a missing, unknown or senseless key."""
    if wrong := sorted(set(config) ^ set(HardProcess._fields)):
        raise InputError(f"config: expected the keys {', '.join(HardProcess._fields)}; wrong: {', '.join(wrong)}")
    values = {key: tuple(config[key]) for key in ("pythia", "truth", "massless")}
    values["decays"] = {name: tuple(children) for name, children in config["decays"].items()}
    process = HardProcess(**{**config, **values, "pdg": dict(config["pdg"])})
    children = [child for pair in process.decays.values() for child in pair]
    for name, pair in process.decays.items():
        if len(pair) != 2 or name not in process.pdg:
            raise InputError(f"config.decays.{name}: expected two children and a code in pdg, found {pair}")
    leaves = [child for child in children if child not in process.decays]
    if sorted(leaves) != sorted(process.truth) or len(set(children)) != len(children):
        raise InputError(f"config.truth: expected the leaves of decays, {tuple(leaves)}, found {process.truth}")
    for name in process.massless:
        if not set(process.decays.get(name, ("",))) <= set(process.truth):
            raise InputError(f"config.massless: expected resonances of two leaves, found {name!r}")
    return process


def simulate(
    process: HardProcess, seed: int, num_events: int, progress: Callable[[int], None] | None = None
) -> Events:
    """``num_events`` hard processes, truth only, in GeV.

    Args: progress: Called with the number of events made since the last call.
    Raises: InputError where Pythia makes something else, or a package is missing.
    """
    pythia = start(process, seed)
    rows, failures = [], 0
    while len(rows) < num_events:
        if not pythia.next():
            failures += 1
            if failures > MOST_FAILURES:
                raise InputError(f"config.pythia: expected events, found {failures} failures of Pythia")
            continue
        rows.append(momenta(process, pythia.process))
        if progress is not None and (len(rows) % 1000 == 0 or len(rows) == num_events):
            progress(len(rows) % 1000 or 1000)
    pairs = {name: process.decays[name] for name in process.massless}
    truth = on_shell(project_massless(np.array(rows), process.truth, pairs), massless_labels(process))
    return Events(
        reco=np.zeros((num_events, 0, 4), np.float32), truth=truth, truth_names=process.truth,
        attrs={
            "process": process.name, "sqrt_s_gev": process.sqrt_s_gev, "seed": seed, **cross_section(pythia),
            "generator": "Pythia 8 (pythia8mc), hard process", "code_version": STREAM,
        },
    )  # fmt: skip


def cross_section(pythia: Any) -> dict[str, float]:
    """Of the process with these decays, and the statistical error of Pythia's estimate, as a file's attributes."""
    info = pythia.infoPython()
    return {"cross_section_pb": 1e9 * info.sigmaGen(), "cross_section_error_pb": 1e9 * info.sigmaErr()}


def massless_labels(process: HardProcess) -> np.ndarray:
    """Which of the leaves are made massless, [p]."""
    light = {child for name in process.massless for child in process.decays[name]}
    return np.array([label in light for label in process.truth])


def on_shell(p: Float[np.ndarray, "n p 4"], massless: np.ndarray) -> np.ndarray:
    """float32 momenta whose energies are those of the rounded three-momenta: a mass is then exact to rounding."""
    mass2 = np.where(massless, 0.0, np.maximum(p[..., 0] ** 2 - np.sum(p[..., 1:] ** 2, -1), 0.0))
    three = p[..., 1:].astype(np.float32).astype(np.float64)
    energy = np.sqrt(np.sum(three**2, -1) + mass2)
    return np.concatenate([energy[..., None], three], -1).astype(np.float32)


def start(process: HardProcess, seed: int) -> Any:
    """An initialised Pythia that stops after the hard process and its decays. Raises: InputError as ``generator``."""
    module = generator.require()
    pythia = module.Pythia("", False)
    quiet = ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {pythia_seed(seed, 0)}")
    own = (f"Beams:eCM = {process.sqrt_s_gev}", "PartonLevel:all = off")
    for line in (*quiet, *own, *process.pythia):
        if not pythia.readString(line):
            raise InputError(f"config.pythia: expected a setting that Pythia 8 knows, found {line!r}")
    if not pythia.init():
        raise InputError("config.pythia: expected a process that Pythia 8 can start, see its messages above")
    return pythia


def momenta(process: HardProcess, record: Any) -> list[list[float]]:
    """(E, px, py, pz) of every leaf of one event, in the order of ``truth``.

    Raises: InputError for a resonance that is not there, or decays otherwise.
    """
    found: dict[str, Any] = {}

    def below(name: str, particle: Any) -> None:
        first, last = particle.daughter1(), particle.daughter2()
        products = [record[i] for i in range(first, last + 1)] if first else []
        if len(products) != 2:
            raise InputError(f"config.decays.{name}: expected a decay into two, found {len(products)} particles")
        products.sort(key=lambda q: -q.id())
        for child in sorted(process.decays[name], key=lambda child: child not in process.pdg):
            code = process.pdg.get(child)
            match = next((q for q in products if code in (None, q.id())), None)
            if match is None:
                raise InputError(f"config.decays.{name}: expected {child} with code {code} among the products")
            products.remove(match)
            if child in process.decays:
                below(child, match)
            else:
                found[child] = match

    inner = {child for pair in process.decays.values() for child in pair}
    for root in (name for name in process.decays if name not in inner):
        particle = next((record[i] for i in range(5, record.size()) if record[i].id() == process.pdg[root]), None)
        if particle is None:
            raise InputError(f"config.pdg.{root}: expected code {process.pdg[root]} in every event, found none")
        below(root, particle)
    return [[p.e(), p.px(), p.py(), p.pz()] for p in (found[label] for label in process.truth)]
