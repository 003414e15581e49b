"""The response of a detector in bins, from paired simulated events with pass flags and weights."""

from typing import NamedTuple

import numpy as np


class Response(NamedTuple):
    """What a simulation knows of a binned measurement.

    counts: weighted events of truth bin j in reco bin i, [n_reco, n_truth]. missed: of truth bin j that pass at truth
    level and were not measured, [n_truth]. fakes: measured in reco bin i without passing at truth level, [n_reco].
    """

    counts: np.ndarray
    missed: np.ndarray
    fakes: np.ndarray

    @property
    def truth(self) -> np.ndarray:
        """The simulation's truth histogram, [n_truth]: the natural prior."""
        return self.counts.sum(axis=0) + self.missed

    @property
    def matrix(self) -> np.ndarray:
        """P(reco bin i | truth bin j), [n_reco, n_truth]; its columns sum to the efficiencies."""
        total = self.truth
        return np.where(total > 0, self.counts, 0.0) / np.where(total > 0, total, 1.0)

    @property
    def fake_fraction(self) -> np.ndarray:
        """Fraction of the events in reco bin i that are fakes, [n_reco]; zero in an empty bin."""
        total = self.counts.sum(axis=1) + self.fakes
        return np.where(total > 0, self.fakes, 0.0) / np.where(total > 0, total, 1.0)


def bin_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Index of each value's bin; what lies outside belongs to the first or the last one.

    Example:
      >>> bin_of(np.array([0.5, 1.5, 9.0]), np.array([0.0, 1.0, 2.0])).tolist()
      [0, 1, 1]
    """
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def fill_response(
    truth: np.ndarray,
    reco: np.ndarray,
    truth_edges: np.ndarray,
    reco_edges: np.ndarray,
    weight: np.ndarray | None = None,
    pass_truth: np.ndarray | None = None,
    pass_reco: np.ndarray | None = None,
) -> Response:
    """Fill the response from paired events.

    Args:
      truth, reco: One observable of each event, [n]; a value that does not pass is not looked at.
      truth_edges, reco_edges: Edges of the bins, rising; events beyond them go to the outermost bins.
      weight: [n], None for one each. pass_truth, pass_reco: [n], None for all.
    """
    n = len(truth)
    weight = np.ones(n) if weight is None else np.asarray(weight, np.float64)
    at_truth, at_reco = (np.ones(n, bool) if flag is None else np.asarray(flag) for flag in (pass_truth, pass_reco))
    j, i = bin_of(truth, np.asarray(truth_edges)), bin_of(reco, np.asarray(reco_edges))
    shape = len(reco_edges) - 1, len(truth_edges) - 1
    both, missed, fakes = at_truth & at_reco, at_truth & ~at_reco, ~at_truth & at_reco
    counts = np.bincount(i[both] * shape[1] + j[both], weight[both], shape[0] * shape[1]).reshape(shape)
    return Response(
        counts,
        np.bincount(j[missed], weight[missed], shape[1]),
        np.bincount(i[fakes], weight[fakes], shape[0]),
    )
