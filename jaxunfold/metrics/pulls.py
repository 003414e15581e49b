"""Pulls of unfolded bins: is the uncertainty of a spectrum as large as what it is off by?"""

import numpy as np
from jaxtyping import Float

from jaxunfold.metrics import covariance
from jaxunfold.metrics.compared import Compared
from jaxunfold.metrics.distances import histogram_edges

LEAST = 20
"""True events in a bin that counts."""


def bin_pulls(data: Compared, name: str, edges: Float[np.ndarray, " edges"]) -> Float[np.ndarray, " bins"]:
    """(unfolded - true) / error of every bin, [bins]; NaN with next to no events in it, infinite without any draw.

    The error has two parts: of the training, by the spread of the networks, and of the truth of these very events
    around what their posteriors expect. The statistics of the measured sample move both alike and do not count.

    Args:
      data: Events with draws of their own, k > 1, from several networks.
    """
    unfolded = covariance.spectrum(data.draws[name], data.draw_weight, edges)
    true = covariance.spectrum(data.truth[name], data.weight, edges)
    network = covariance.member_covariance(data.draws[name], data.draw_weight, data.member, edges)
    posterior = covariance.posterior_covariance(data.draws[name], data.draw_weight, edges)
    error = np.hypot(covariance.band(network), covariance.band(posterior))
    filled = np.histogram(data.truth[name], edges)[0] >= LEAST
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(filled, (unfolded - true) / error, np.nan)


def summary(data: Compared, bins: int = 20) -> dict:
    """Mean and width of the pulls of every observable's bins, and of all of them.

    Returns: {"mean", "width", "without_draws", "observables": {name: {"mean", "width", "values"}}}; bins of one
      observable are correlated and those of one event's observables too, so that few numbers hide behind many pulls.
      A bin without any draw has no error: such are counted, and in no other number.
    """
    found = {name: bin_pulls(data, name, histogram_edges(data.truth[name], data.weight, bins)) for name in data.draws}
    each = {name: pull[np.isfinite(pull)] for name, pull in found.items()}
    everything = np.concatenate(list(each.values()))
    empty = sum(int(np.isinf(pull).sum()) for pull in found.values())
    out = {name: _moments(x) | {"values": x.tolist()} for name, x in each.items() if len(x) > 1}
    return _moments(everything) | {"without_draws": empty, "observables": out}


def _moments(x) -> dict[str, float]:
    return {"mean": float(np.mean(x)), "width": float(np.std(x, ddof=1))}
