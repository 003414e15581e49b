"""W + 1 parton with a parton shower, and its hardest jets: each leaves a hole in the transverse plane.

Thesis section 4.5, Eqs. (4.6), (4.7). The hard process is truth; the W after the shower and the jets above the cut
take the place of what is measured. Or these are truth, and nothing is measured, for a generator to learn. There is no
hadronisation, no multi-parton interaction and no detector: the cut is sharp.
"""

import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxunfold.data.events import Events, nothing_measured
from jaxunfold.errors import InputError
from jaxunfold.simulation import generator
from jaxunfold.simulation.chunk import pythia_seed
from jaxunfold.simulation.jets import quiet_stdout

W_PLUS = 24
LEVELS = ("hard", "jets")
NEUTRINOS = (12, 14, 16)


class WJets(NamedTuple):
    """A process. name: as recorded in the file; sqrt_s_gev: collision energy; pythia: "Group:key = value" lines.

    radius: of anti-kT. jet_pt_min_gev, jet_eta_max: which jets count. num_jets: how many are asked for and kept.
    veto_scale_gev, veto_pt_gev: once the shower has come down to this scale, collisions with less than ``num_jets``
    jets of this pT are given up. level: of truth, one of ``LEVELS``. batch: collisions per pass of the jet algorithm.
    """

    name: str
    sqrt_s_gev: float
    pythia: tuple[str, ...]
    radius: float
    jet_pt_min_gev: float
    jet_eta_max: float
    num_jets: int
    veto_scale_gev: float
    veto_pt_gev: float
    level: str
    batch: int


def from_config(config: Mapping[str, Any]) -> WJets:
    """A process from a config's values. Raises InputError for a missing or unknown key."""
    if wrong := sorted(set(config) ^ set(WJets._fields)):
        raise InputError(f"config: expected the keys {', '.join(WJets._fields)}; wrong: {', '.join(wrong)}")
    process = WJets(**{**config, "pythia": tuple(config["pythia"])})
    if process.level not in LEVELS:
        raise InputError(f"config.level: expected one of {', '.join(LEVELS)}, found {process.level!r}")
    if process.num_jets < 1 or process.batch < 1 or process.radius <= 0:
        raise InputError(
            "config: expected num_jets and batch of 1 or more and a positive radius, found "
            f"{process.num_jets}, {process.batch} and {process.radius}"
        )
    return process


def simulate(process: WJets, seed: int, num_events: int, most: int = 100_000_000) -> Events:
    """``num_events`` events with all jets asked for, by falling pT: truth (W+, q1), reco (W+, j1, j2, ...) in GeV;
    at the level of jets the latter are truth.

    Raises: InputError where ``most`` collisions give too few, or a package is missing.
    """
    settings = (f"Beams:eCM = {process.sqrt_s_gev}", *process.pythia)
    engine, hook = start(process, settings, pythia_seed(seed, 0))
    truth, reco, found = [], [], 0
    while found < num_events:
        if hook.tried >= most:
            raise InputError(f"config: expected {num_events} events, found {found} in {hook.tried} collisions")
        part = one_batch(process, engine.nextBatch(process.batch).prt)
        truth.append(part[0])
        reco.append(part[1])
        found += len(part[0])
    labels = tuple(f"j{i + 1}" for i in range(process.num_jets))
    about = {
        "process": process.name, "sqrt_s_gev": process.sqrt_s_gev, "seed": seed,
        "generator": f"Pythia 8 (pythia8mc), parton shower; anti-kT {process.radius}", "collisions": hook.tried,
    }  # fmt: skip
    truth, reco = (np.concatenate(parts)[:num_events].astype(np.float32) for parts in (truth, reco))
    if process.level == "jets":
        return Events(reco=nothing_measured(reco), truth=reco, truth_names=("W+", *labels), attrs=about)
    return Events(
        reco=reco, truth=truth, mask=np.ones(reco.shape[:2], bool), truth_names=("W+", "q1"),
        reco_names=("W+", *labels),
        attrs=about,
    )  # fmt: skip


def start(process: WJets, settings: tuple[str, ...], seed: int) -> tuple[Any, Any]:
    """An initialised Pythia and its hook, which counts the collisions with a W+ and gives up those without jets.

    An emission below the scale k is no jet of its own, and splits a jet of pT into two, z : 1 - z and R apart, only
    where z (1 - z) pT R > k: hardly below 5 GeV, for two jets above 25 GeV at R = 0.4.

    Raises: InputError for a setting that Pythia does not know, or a process that it cannot start.
    """
    module = generator.require()
    pythia = module.Pythia("", False)
    # not to be clustered by Pythia's own jet finder
    unseen = f"{W_PLUS}:isVisible = false"
    for line in ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}", unseen, *settings):
        if not pythia.readString(line):
            raise InputError(f"config.pythia: expected a setting that Pythia 8 knows, found {line!r}")
    finder = module.SlowJet(-1, process.radius, process.veto_pt_gev, 25.0, 2)

    class Early(module.UserHooks):
        def __init__(self):
            super().__init__()
            self.tried, self.told = 0, False

        def canVetoProcessLevel(self):
            return True

        def doVetoProcessLevel(self, hard):
            # half of the collisions make a W-
            other = W_PLUS not in (hard[5].id(), hard[6].id())
            self.tried += not other
            return other

        def canVetoPT(self):
            return True

        def scaleVetoPT(self):
            return process.veto_scale_gev

        def doVetoPT(self, _, event):
            with quiet_stdout() if not self.told else contextlib.nullcontext():
                finder.analyze(event)
            self.told = True
            return finder.sizeJet() < process.num_jets

    hook = Early()
    pythia.setUserHooksPtr(hook)
    if not pythia.init():
        raise InputError("config.pythia: expected a process that Pythia 8 can start, see its messages above")
    hook.tried = 0
    return pythia, hook


def one_batch(process: WJets, particles) -> tuple[np.ndarray, np.ndarray]:
    """(truth [n, 2, 4], reco [n, 1 + jets, 4]) of the accepted collisions of Pythia's batch."""
    import awkward as ak
    import fastjet

    def momenta(p):
        return np.stack([ak.to_numpy(p[k]) for k in ("e", "px", "py", "pz")], -1)

    if not ak.all(ak.sum((particles.id == W_PLUS) & (particles.status > 0), axis=1) == 1):
        raise InputError("config.pythia: expected stable W+ (24:mayDecay = off), found none")
    # the two outgoing particles of a hard process 2 -> 2 stand at 5 and 6 of Pythia's record
    codes = np.stack([ak.to_numpy(particles.id[:, i]) for i in (5, 6)], -1)
    hard = np.stack([momenta(particles.p[:, i]) for i in (5, 6)], 1)
    hard = np.where((codes[:, 0] == W_PLUS)[:, None, None], hard, hard[:, ::-1])
    final = particles[particles.status > 0]
    is_w = final.id == W_PLUS
    w = momenta(ak.firsts(final.p[is_w]))
    visible = ~is_w
    for code in NEUTRINOS:
        visible = visible & (abs(final.id) != code)
    p = final.p[visible]
    rows = ak.zip({"px": p.px, "py": p.py, "pz": p.pz, "E": p.e}, with_name="Momentum4D")
    with quiet_stdout():
        definition = fastjet.JetDefinition(fastjet.antikt_algorithm, process.radius)
        jets = fastjet.ClusterSequence(rows, definition).inclusive_jets(min_pt=process.jet_pt_min_gev)
    pt = np.hypot(jets.px, jets.py)
    central = abs(np.arcsinh(jets.pz / pt)) < process.jet_eta_max
    jets, pt = jets[central], pt[central]
    keep = ak.to_numpy(ak.num(pt) >= process.num_jets)
    jets = jets[ak.argsort(pt, axis=1, ascending=False)][keep][:, : process.num_jets]
    kept = np.stack([ak.to_numpy(ak.to_regular(jets[k])) for k in ("E", "px", "py", "pz")], -1)
    return hard[keep], np.concatenate([w[keep][:, None], kept.reshape(-1, process.num_jets, 4)], 1)
