"""Pythia 8: one batch of collisions, each with its hard process and its stable particles, as arrays.

``nextBatch`` hands out many events at once but drops the hard process before the shower; a hook that
Pythia calls with that process keeps it, and the two are matched by the momenta of the incoming partons.
The same hook rejects, before the costly shower and hadronisation, hard processes that the selection cannot
accept.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxunfold.errors import InputError
from jaxunfold.simulation.detector import Particles

PDG = {"e-": 11, "e+": -11, "mu-": 13, "mu+": -13, "photon": 22}
PARTONS = {1, 2, 3, 4, 5, 21}


class Veto(NamedTuple):
    """Hard processes kept for the shower: every lepton and parton inside these bounds, the hardest parton
    above its own."""

    lepton_eta_max: float
    lepton_pt_min_gev: float
    parton_eta_max: float
    leading_parton_pt_min_gev: float


class Generated(NamedTuple):
    """hard: final particles of the hard process, [n, p, 4] (E, px, py, pz) in GeV, ordered as the labels.

    weight: Pythia's own, one unless its settings bias the phase space.
    """

    hard: Float[np.ndarray, "n p 4"]
    particles: Particles
    num_events: int
    weight: Float[np.ndarray, " n"]


def require() -> Any:
    """The pythia8mc module, or one clear InputError; also asks for fastjet and awkward."""
    try:
        import awkward  # noqa: F401
        import fastjet  # noqa: F401
        import pythia8mc
    except ImportError as error:
        raise InputError(
            f"simulation needs Pythia 8, fastjet and awkward, found no {error.name}: pip install 'jaxunfold[sim]'"
        ) from error
    return pythia8mc


def start(
    settings: tuple[str, ...], seed: int, labels: tuple[str, ...] | None, veto: Veto | None
) -> tuple[Any, list | None]:
    """An initialised Pythia and the list that its hook fills with hard processes.

    Args:
      settings: Pythia's own "Group:key = value" lines.
      seed: Pythia's seed, 1 to 900,000,000.
      labels: Names of the truth particles: leptons by name, anything else is a quark or gluon. None keeps no
        hard process, as of soft collisions, which have none.
      veto: Early rejection, or None.
    Raises: InputError for a setting that Pythia does not know, or a process that it cannot start.
    """
    module = require()
    pythia = module.Pythia("", False)
    for line in ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}", *settings):
        if not pythia.readString(line):
            raise InputError(f"config.pythia: expected a setting that Pythia 8 knows, found {line!r}")
    if labels is None:
        check_started(pythia.init())
        return (pythia, None), None
    codes = [PDG.get(label) for label in labels]
    records: list = []

    class Keep(module.UserHooks):
        def canVetoProcessLevel(self):
            return True

        def doVetoProcessLevel(self, process):
            row = _hard_process(process, codes, veto)
            if row is None:
                return True
            records.append(row)
            return False

    hook = Keep()
    pythia.setUserHooksPtr(hook)
    check_started(pythia.init())
    records.clear()
    return (pythia, hook), records


def check_started(started: bool) -> None:
    """Raises: InputError where Pythia could not be initialised."""
    if not started:
        raise InputError("config.pythia: expected a process that Pythia 8 can start, see its messages above")


def _hard_process(process: Any, codes: list, veto: Veto | None) -> list | None:
    """Energies of the incoming partons, then the labelled particles' momenta; None where vetoed."""
    row = [process[3].e(), process[4].e()]
    partons, leptons = [], {}
    for i in range(5, process.size()):
        particle = process[i]
        if not particle.isFinal():
            continue
        code = particle.id()
        if abs(code) in PARTONS:
            partons.append(particle)
            continue
        if veto and (abs(particle.eta()) > veto.lepton_eta_max or particle.pT() < veto.lepton_pt_min_gev):
            return None
        leptons[code] = particle
    if veto and partons:
        if max(parton.pT() for parton in partons) < veto.leading_parton_pt_min_gev:
            return None
        if max(abs(parton.eta()) for parton in partons) > veto.parton_eta_max:
            return None
    for code in codes:
        particle = partons.pop(0) if code is None else leptons[code]
        row += [particle.e(), particle.px(), particle.py(), particle.pz()]
    return row


def next_batch(pythia: tuple[Any, Any], records: list | None, num: int) -> Generated:
    """Generate ``num`` collisions (those that Pythia gives up on are left out) as arrays."""
    import awkward as ak

    engine, _ = pythia
    if records is not None:
        records.clear()
    batch = engine.nextBatch(num)
    particles = batch.prt
    counts = ak.num(particles.status).to_numpy()
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    flat = ak.flatten(particles)
    energy = flat.p.e.to_numpy()
    final = np.flatnonzero(flat.status.to_numpy() > 0)
    event = np.repeat(np.arange(len(counts)), counts)[final]
    momentum = np.stack([energy[final]] + [flat.p[k].to_numpy()[final] for k in ("px", "py", "pz")], axis=-1)
    vertex = np.stack([ak.fill_none(flat.vProd[k], 0.0).to_numpy()[final] for k in ("px", "py", "pz")], axis=-1)
    pdg = flat.id.to_numpy()[final].astype(np.int64)
    codes, inverse = np.unique(pdg, return_inverse=True)
    charge = np.array([engine.particleData.charge(int(code)) for code in codes])[inverse]
    hard = np.zeros((len(counts), 0, 4))
    if records is not None:
        incoming = np.stack([energy[first + 3], energy[first + 4]], axis=-1)
        hard = match_records(np.array(records).reshape(len(records), -1), incoming)
    weight = batch.info.weights[:, 0].to_numpy()
    return Generated(hard, Particles(pdg, momentum, vertex * 1e-3, charge, event), len(counts), weight)


def match_records(
    records: Float[np.ndarray, "m c"], incoming: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n p 4"]:
    """Hard processes of the events that came through, found by their incoming partons' energies.

    Raises: RuntimeError where an event has no record: the generator's event layout is not the one expected.
    """
    order = np.argsort(records[:, 0], kind="stable")
    place = np.searchsorted(records[order, 0], incoming[:, 0] * (1 - 1e-12), side="left")
    found = order[np.minimum(place, len(order) - 1)]
    if not np.allclose(records[found, :2], incoming, rtol=1e-9, atol=0):
        raise RuntimeError("an event of Pythia's batch matches no recorded hard process")
    return records[found, 2:].reshape(len(incoming), -1, 4)
