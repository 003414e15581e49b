r"""Is a measured event like those trained on? The density of the training's features, by nearest neighbours.

.. math:: \log \hat p(x) = \log \frac{k}{m\, V_r} - r \log d_k(x) + \log |\det A|

with the distance d_k to the k-th of m training events kept, in the r features whitened by A, and V_r the volume of
the unit ball (Loftsgaarden, Quesenberry, Ann. Math. Stat. 36 (1965) 1049). Below the density that one in a thousand
events of the training has, an event is outside of its support: a network was never asked about its like, and answers
anything.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

REFERENCE, HELD_OUT, NEIGHBOURS, ALPHA = 8192, 4096, 10, 1e-3
FLOOR = 1e-4
CHUNK = 512
CANCELS = 1e-2
"""Squared distance over squared norm below which float32 is not enough for the difference."""


class Support(NamedTuple):
    """reference: whitened features of training events, [m, r]; whiten: A, [r, r]; threshold: of the log density."""

    reference: Float[np.ndarray, "m r"]
    whiten: Float[np.ndarray, "r r"]
    threshold: float


def fit(features: Float[np.ndarray, "n r"], alpha: float = ALPHA) -> Support:
    """The support of a training sample: two thirds of its events as reference, the others for the threshold.

    Args:
      features: Standardised, of events in random order; more than 12,288 are not used.
      alpha: Share of the training's own events that lie outside.
    """
    features = np.asarray(features, np.float32)[: REFERENCE + HELD_OUT]
    if len(features) < 3 or features.shape[1] == 0:  # nothing is known, and so nothing is outside
        return Support(
            np.zeros((1, features.shape[1]), np.float32), np.eye(features.shape[1], dtype=np.float32), -np.inf
        )
    size = max(1, 2 * len(features) // 3)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(features.T.astype(np.float64))))
    # a feature that others determine, or a constant one, must not rule by its rounding
    whiten = (vectors / np.sqrt(np.maximum(values, FLOOR * max(values.max(), 1e-12)))).astype(np.float32)
    found = Support(features[:size] @ whiten, whiten, -np.inf)
    return found._replace(threshold=float(np.quantile(log_density(found, features[size:]), alpha)))


def log_density(support: Support, features: Float[np.ndarray, "n r"]) -> Float[np.ndarray, " n"]:
    """Log density of each event in standardised features, in chunks."""
    centre = support.reference.mean(axis=0)
    reference = np.asarray(support.reference - centre, np.float32)
    m, r = reference.shape
    k = min(NEIGHBOURS, m)
    doubled, square = -2 * reference.T, np.sum(reference**2, axis=-1)
    volume = 0.5 * r * math.log(math.pi) - math.lgamma(0.5 * r + 1)
    out = np.empty(len(features))
    for start in range(0, len(features), CHUNK):
        x = np.asarray(features[start : start + CHUNK], np.float32) @ support.whiten - centre
        own = np.sum(x**2, axis=-1)
        distance = x @ doubled
        distance += square
        distance.partition(k - 1, axis=-1)
        nearest = distance[:, k - 1] + own
        # a small difference of large numbers needs more digits
        if (close := ~(nearest > CANCELS * own)).any():
            nearest[close] = _nearest(reference, x[close], k)
        # equal events have no distance: their density is as high as float32 can tell apart
        out[start : start + CHUNK] = -0.5 * r * np.log(np.maximum(nearest, 1e-12, dtype=np.float64))
    return out + math.log(k / m) - volume + np.linalg.slogdet(support.whiten.astype(np.float64))[1]


def _nearest(reference: np.ndarray, x: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each point [n, r] to the k-th nearest of the reference [m, r], in double precision."""
    reference, x = reference.astype(np.float64), x.astype(np.float64)
    distance = np.sum(x**2, axis=-1)[:, None] + np.sum(reference**2, axis=-1) - 2 * x @ reference.T
    return np.partition(distance, k - 1, axis=-1)[:, k - 1]


def inside(support: Support, density: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which events are as dense in the training as all but a share alpha of its own."""
    return density >= support.threshold


def to_arrays(support: Support) -> dict[str, Any]:
    """What a file holds of it."""
    return support._asdict()


def from_arrays(arrays: dict[str, Any]) -> Support:
    """The support that ``to_arrays`` described."""
    return Support(arrays["reference"], arrays["whiten"], float(arrays["threshold"]))
