"""Which events are kept, and how truth and reco are ordered: jet and lepton requirements, matching, masses.

Truth is the hard process before the shower. Reco order is e-, e+, then jets by falling pT.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxunfold.simulation.detector import Detected
from jaxunfold.simulation.jets import Jets


class Selection(NamedTuple):
    """Requirements on the measured event.

    jet_pt_min_gev, jet_eta_max: which jets count; min_jets, max_jets: how many there may be; slots: how
    many are kept.
    match: "angle" orders the quarks as the jets they lie closest to, "pt" by falling transverse momentum.
    """

    jet_pt_min_gev: float
    jet_eta_max: float
    min_jets: int
    max_jets: int | None
    slots: int
    match: str


class Selected(NamedTuple):
    """Accepted events: row of each in the batch, (E, px, py, pz) in GeV, zero-padded, mask, and extra
    columns."""

    row: Int[np.ndarray, " n"]
    truth: Float[np.ndarray, "n p 4"]
    reco: Float[np.ndarray, "n r 4"]
    mask: Bool[np.ndarray, "n r"]
    num_jets: Int[np.ndarray, " n"]
    met: Float[np.ndarray, "n 2"]


def select(selection: Selection, hard: Float[np.ndarray, "n p 4"], detected: Detected, jets: Jets) -> Selected:
    """Events with exactly one electron, one positron and the required number of jets.

    Args:
      hard: Massless truth, e-, e+, q1, q2 in any order of the quarks.
      met: returned missing transverse momentum, minus the towers' sum.
    """
    num = len(hard)
    pt, eta, _ = pt_eta_phi(jets.momentum)
    good = (pt > selection.jet_pt_min_gev) & (np.abs(eta) < selection.jet_eta_max)
    momentum, event = jets.momentum[good], jets.event[good]
    num_jets = np.bincount(event, minlength=num)
    first = np.concatenate([[0], np.cumsum(num_jets)[:-1]])
    slot = np.arange(len(event)) - first[event]

    e = detected.electrons
    accepted = num_jets >= selection.min_jets
    if selection.max_jets is not None:
        accepted &= num_jets <= selection.max_jets
    reco = np.zeros((num, 2 + selection.slots, 4))
    for place, sign in enumerate((-1, 1)):
        mine = e.charge == sign
        accepted &= np.bincount(e.event[mine], minlength=num) == 1
        reco[e.event[mine], place] = e.momentum[mine]
    fits = slot < selection.slots
    reco[event[fits], 2 + slot[fits]] = momentum[fits]

    met = np.stack([-np.bincount(detected.event, detected.momentum[:, i], minlength=num) for i in (1, 2)], -1)
    row = np.flatnonzero(accepted)
    reco, truth, num_jets = reco[row], hard[row], num_jets[row]
    mask = np.arange(2 + selection.slots) < 2 + np.minimum(num_jets, selection.slots)[:, None]
    order = order_by_angle if selection.match == "angle" else order_by_pt
    return Selected(row, order(truth, reco), reco, mask, num_jets, met[row])


def pt_eta_phi(p: Float[np.ndarray, "*n 4"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Transverse momentum in GeV, pseudorapidity and azimuth."""
    pt = np.hypot(p[..., 1], p[..., 2])
    return pt, np.arcsinh(p[..., 3] / np.maximum(pt, 1e-9)), np.arctan2(p[..., 2], p[..., 1])


def order_by_angle(truth: Float[np.ndarray, "n 4 4"], reco: Float[np.ndarray, "n r 4"]) -> Float[np.ndarray, "n 4 4"]:
    """Truth with its two quarks ordered as the two leading jets, by the smaller summed Delta R^2; no cut
    on it."""
    _, q_eta, q_phi = pt_eta_phi(truth[:, 2:4])
    _, j_eta, j_phi = pt_eta_phi(reco[:, 2:4])
    dphi = np.mod(q_phi[:, :, None] - j_phi[:, None, :] + np.pi, 2 * np.pi) - np.pi
    dr2 = (q_eta[:, :, None] - j_eta[:, None, :]) ** 2 + dphi**2
    swap = dr2[:, 0, 1] + dr2[:, 1, 0] < dr2[:, 0, 0] + dr2[:, 1, 1]
    return np.where(swap[:, None, None], truth[:, [0, 1, 3, 2]], truth)


def order_by_pt(truth: Float[np.ndarray, "n 4 4"], reco: Float[np.ndarray, "n r 4"]) -> Float[np.ndarray, "n 4 4"]:
    """Truth with its two quarks ordered by falling transverse momentum."""
    pt = pt_eta_phi(truth)[0]
    return np.where((pt[:, 3] > pt[:, 2])[:, None, None], truth[:, [0, 1, 3, 2]], truth)


def project_massless(
    momenta: Float[np.ndarray, "n p 4"], labels: Sequence[str], resonances: Mapping[str, Sequence[str]]
) -> Float[np.ndarray, "n p 4"]:
    """Make both children of every two-body resonance massless without changing the resonance's four-momentum.

    In the resonance's rest frame the children keep their direction and take half its mass each as energy.
    """
    out = momenta.copy()
    for children in resonances.values():
        i, j = (labels.index(child) for child in children)
        parent = momenta[:, i] + momenta[:, j]
        mass = np.sqrt(np.maximum(parent[:, 0] ** 2 - np.sum(parent[:, 1:] ** 2, -1), 0.0))
        rest = boost(momenta[:, i], parent, mass, -1)
        direction = rest[:, 1:] / np.linalg.norm(rest[:, 1:], axis=-1, keepdims=True)
        child = 0.5 * mass[:, None] * np.concatenate([np.ones((len(out), 1)), direction], -1)
        out[:, i] = boost(child, parent, mass, 1)
        out[:, j] = parent - out[:, i]
    return out


def boost(p: Float[np.ndarray, "n 4"], frame: Float[np.ndarray, "n 4"], mass: np.ndarray, sign: int) -> np.ndarray:
    """p seen from the rest frame of ``frame`` (sign -1), or brought from there to the laboratory (sign 1)."""
    k = sign * frame[:, 1:]
    dot = np.sum(k * p[:, 1:], -1)
    energy = (frame[:, 0] * p[:, 0] + dot) / mass
    along = (p[:, 0] + energy) / (frame[:, 0] + mass)
    return np.concatenate([energy[:, None], p[:, 1:] + along[:, None] * k], -1)
