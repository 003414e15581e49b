"""Parts of phase space cut out at reco level, and how well an unfolded sample follows its own truth there."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxunfold.data.events import Events
from jaxunfold.errors import InputError
from jaxunfold.metrics.calibration import max_deviation
from jaxunfold.metrics.compared import Compared, momenta_observables
from jaxunfold.metrics.distances import density, triangular, wasserstein
from jaxunfold.metrics.quantiles import median_and_width, weighted_quantile
from jaxunfold.metrics.summary import draw_ranks

BULK_BINS = 12


def in_region(events: Events, cuts: Mapping[str, Sequence]) -> np.ndarray:
    """Which events pass cuts on what is measured, [n]: {"pt_j1": (30, 100)}, in GeV; None is no limit.

    Args: cuts: Of "pt_X" or "eta_X" of a reco object X: smallest and largest value, the first included.
    Raises: InputError for events without momenta, or an observable that is not measured.
    """
    if events.kind != "momenta":
        raise InputError(f"{events.path or 'events'}: cuts expected reco momenta, found a table")
    keep = np.ones(len(events), bool)
    measured = momenta_observables(events.reco, events.reco_names, {})
    for name, (low, high) in cuts.items():
        if name not in measured:
            raise InputError(f"cuts: expected observables among {', '.join(measured)}, found {name!r}")
        if events.mask is not None:
            keep &= events.mask[:, events.reco_names.index(name.split("_", 1)[1])]
        keep &= measured[name] >= (-np.inf if low is None else low)
        keep &= measured[name] < (np.inf if high is None else high)
    return keep


def bulk_deviation(truth, draws, weight, draw_weight) -> float:
    """Largest |unfolded / truth - 1| in ``BULK_BINS`` bins between the truth's 2.5 and 97.5 per cent quantiles.

    The bins have equal shares of the truth: with 10,000 events each has 790, and the noise of their number is 3.6 per
    cent.

    Args: truth, weight: [n]; draws, draw_weight: of any one shape.
    """
    edges = weighted_quantile(truth, np.linspace(0.025, 0.975, BULK_BINS + 1), weight)
    ours, target = density(draws.reshape(-1), edges, draw_weight.reshape(-1)), density(truth, edges, weight)
    return float(np.max(np.abs(ours / np.where(target > 0, target, np.nan) - 1)))


def follows(data: Compared, everything: Compared, name: str, seed: int = 0) -> dict:
    """One observable of the events of a region against their own truth, and against that of all events.

    ``followed`` is 1 - W1(unfolded, truth) / W1(truth of all events, truth): one where the unfolded sample is the
    region's truth, zero where it is as far from it as all events are; None where the two truths are the same. Draws
    beyond the truth of all events count for it as at its edge, lest one in a million decides. The
    triangular distances have the bins of the region's truth; ``triangular_to_all`` has the truth of all events in
    place of the region's.
    """
    truth, weight = data.truth[name], data.weight
    flat, flat_weight = data.draws[name].reshape(-1), data.draw_weight.reshape(-1)
    other = everything.truth[name], everything.weight
    apart = wasserstein(truth, other[0], weight, other[1])
    bounded = np.clip(flat, other[0].min(), other[0].max())
    out = {
        "bulk_deviation": bulk_deviation(truth, flat, weight, flat_weight),
        "triangular": triangular(truth, flat, weight, flat_weight),
        "triangular_to_all": triangular(other[0], flat, other[1], flat_weight),
        "wasserstein": wasserstein(truth, flat, weight, flat_weight),
        "followed": 1 - wasserstein(truth, bounded, weight, flat_weight) / apart if apart > 0 else None,
    }
    median, width = median_and_width(truth, weight)
    found, found_width = median_and_width(flat, flat_weight)
    out |= {"median_off": found - median, "width_ratio": found_width / width if width > 0 else None}
    if data.paired:
        out["calibration_max_deviation"] = float(max_deviation(draw_ranks(data, name, seed), weight[:, None])[0])
    return out
