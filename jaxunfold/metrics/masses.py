"""Peaks of the resonance masses: where they are and how wide, at truth, reco and unfolded."""

import numpy as np

from jaxunfold.metrics.bootstrap import Replicas, quantile_replicas, standard_error
from jaxunfold.metrics.quantiles import median_and_width, shortest_half

LEVELS = np.array([0.16, 0.5, 0.84])


def peak(truth, draws, weight, draw_weight, reco=None, replicas: Replicas | None = None) -> dict[str, float]:
    """Position and width of one mass peak in GeV.

    The ``peak`` is the median, the ``width`` half the central 68 per cent interval: both are precise at a
    given number of events, which the maximum of a histogram is not. ``mode`` is the middle of the shortest
    interval that holds half of the events, for the eye. Errors are bootstrap errors over events;
    ``peak_shift`` is unfolded minus truth, ``width_ratio`` unfolded over truth.

    Args:
      truth, weight: [n]; draws, draw_weight: [m, k]; reco: [n], NaN where absent.
      replicas: From ``bootstrap.replicate`` of the same arrays; None leaves the errors out.
    """
    flat, flat_weight = draws.reshape(-1), draw_weight.reshape(-1)
    t_peak, t_width = median_and_width(truth, weight)
    u_peak, u_width = median_and_width(flat, flat_weight)
    out = {
        "truth_peak": t_peak, "unfolded_peak": u_peak, "truth_width": t_width, "unfolded_width": u_width,
        "truth_mode": shortest_half(truth, weight), "unfolded_mode": shortest_half(flat, flat_weight),
        "peak_shift": u_peak - t_peak, "width_ratio": u_width / t_width if t_width > 0 else float("nan"),
    }  # fmt: skip
    if reco is not None and np.any(there := np.isfinite(reco)):
        out["reco_peak"], out["reco_width"] = median_and_width(reco[there], weight[there])
    if replicas is not None:
        t = quantile_replicas(replicas.edges, replicas.truth, LEVELS)
        u = quantile_replicas(replicas.edges, replicas.draws, LEVELS)
        t_half, u_half = 0.5 * (t[2] - t[0]), 0.5 * (u[2] - u[0])
        out["stat_error"] = {
            "truth_peak": standard_error(t[1]), "unfolded_peak": standard_error(u[1]),
            "truth_width": standard_error(t_half), "unfolded_width": standard_error(u_half),
            "peak_shift": standard_error(u[1] - t[1]),
            "width_ratio": standard_error(u_half / np.maximum(t_half, 1e-30)),
        }  # fmt: skip
    return out
