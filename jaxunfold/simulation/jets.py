"""Anti-kT jets from towers, through fastjet's array interface, with the card's energy scale and overlap
removal."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxunfold.simulation.cards import Card
from jaxunfold.simulation.detector import Detected


class Jets(NamedTuple):
    """Jets of a batch, ordered by event and, within one, by falling pT: (E, px, py, pz) in GeV."""

    momentum: Float[np.ndarray, "j 4"]
    event: Int[np.ndarray, " j"]


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Drop what C++ prints on stdout: fastjet announces itself there once per process."""
    sys.stdout.flush()
    saved, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)


def find_jets(card: Card, detected: Detected, num_events: int) -> Jets:
    """Cluster the towers of each event; drop jets that hold an isolated electron's or photon's tower.

    The card's minimum pT applies before its energy scale sqrt((a - b |eta|)^2 / pT + 1), which scales all
    components.
    """
    import awkward as ak
    import fastjet

    if len(detected.event) == 0:
        return Jets(np.zeros((0, 4)), np.zeros(0, int))
    counts = np.bincount(detected.event, minlength=num_events)
    p = detected.momentum
    towers = ak.unflatten(
        ak.zip({"px": p[:, 1], "py": p[:, 2], "pz": p[:, 3], "E": p[:, 0]}, with_name="Momentum4D"), counts
    )
    with quiet_stdout():
        definition = fastjet.JetDefinition(fastjet.antikt_algorithm, card.jet_radius)
        sequence = fastjet.ClusterSequence(towers, definition)
        members = sequence.constituent_index(min_pt=card.jet_pt_min_gev)
    per_jet = ak.flatten(ak.num(members, axis=2)).to_numpy()
    jet_event = np.repeat(np.arange(num_events), ak.num(members, axis=1).to_numpy())
    jet = np.repeat(np.arange(len(per_jet)), per_jet)
    start = np.concatenate([[0], np.cumsum(counts)[:-1]])
    member = ak.flatten(ak.flatten(members)).to_numpy() + start[jet_event[jet]]
    size = len(per_jet)
    momentum = np.stack([np.bincount(jet, weights=p[member, i], minlength=size) for i in range(4)], axis=-1)
    free = np.bincount(jet, weights=detected.claimed[member], minlength=size) == 0

    momentum, jet_event = momentum[free], jet_event[free]
    pt = np.maximum(np.hypot(momentum[:, 1], momentum[:, 2]), 1e-9)
    eta = np.arcsinh(momentum[:, 3] / pt)
    a, b = card.jet_scale
    scale = np.sqrt((a - b * np.abs(eta)) ** 2 / pt + 1.0)
    momentum = momentum * scale[:, None]
    order = np.lexsort((-pt * scale, jet_event))
    return Jets(momentum[order], jet_event[order])
