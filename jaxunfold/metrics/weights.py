"""Whether a weighted sample can be trusted: its effective size, and the share of its largest weight."""

from typing import NamedTuple

import numpy as np

from jaxunfold.errors import InputError


class Health(NamedTuple):
    """ess: effective sample size as a fraction of the events; max_share: largest weight over the sum of all."""

    ess: float
    max_share: float


def weight_health(log_weights: np.ndarray, weight: np.ndarray | None = None) -> Health:
    """Health of the weights weight * exp(log_weights), [n]; their normalisation does not matter.

    The effective sample size is (sum w)^2 / sum w^2, Kish (1965): as many events of equal weight have the same
    relative error of their sum. With weights of both signs it is that of the sum as well.

    Args:
      log_weights: [n]. weight: What the events counted before, [n], any sign; None for one each.
    Raises: InputError if a log-weight is not finite or the weights do not sum to a positive number.

    Example:
      >>> weight_health(np.log([1.0, 1.0, 2.0]))
      Health(ess=0.8888888888888888, max_share=0.5)
    """
    values = np.asarray(log_weights, np.float64)
    if bad := int(np.count_nonzero(~np.isfinite(values))):
        raise InputError(f"log_weights: expected finite numbers, found {bad} of {len(values)} that are not")
    w = np.exp(values - values.max()) * (1.0 if weight is None else np.asarray(weight, np.float64))
    if not w.sum() > 0:
        raise InputError(f"weights: expected a positive sum, found {w.sum():g}")
    return Health(float(w.sum() ** 2 / np.sum(w**2) / len(w)), float(np.abs(w).max() / w.sum()))
