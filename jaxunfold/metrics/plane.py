r"""Distances between two samples of the plane by histograms: Jensen-Shannon divergence and earth mover distance.

Thesis Eqs. (4.4), (4.5) and section 4.4.2. The published scores use densities per area instead of probabilities of a
bin, and distances in units of the largest one between bin centres: they follow from the properly normalised ones,

    JSD_raw = JSD / A,    EMD_raw = EMD / (A D),

with the bins' area A and the largest distance D. Both kinds are handed out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxunfold.errors import InputError


class Scores(NamedTuple):
    """jsd: in nats. emd: in the unit of x; jsd_raw, emd_raw: as published. outside: share off the range."""

    jsd: float
    emd: float
    jsd_raw: float
    emd_raw: float
    outside: float


def histogram(
    x: Float[np.ndarray, "n 2"],
    reach: Sequence[float],
    bins: int = 100,
    weight: Float[np.ndarray, " n"] | None = None,
) -> tuple[Float[np.ndarray, "b b"], float]:
    """(share of each bin, of sum one; share of the weight outside +- reach)."""
    # bins by number: ten times faster than numpy.histogram2d
    at = np.floor((np.asarray(x, np.float64) / np.asarray(reach) + 1) * (bins / 2)).astype(np.int64)
    inside = ((at >= 0) & (at < bins)).all(axis=1)
    w = np.ones(len(x)) if weight is None else np.asarray(weight, np.float64)
    flat = np.bincount(at[inside, 0] * bins + at[inside, 1], w[inside], minlength=bins * bins)
    if not flat.sum() > 0:
        raise InputError(f"histogram: expected points within +-{tuple(reach)}, found none")
    return (flat / flat.sum()).reshape(bins, bins), float(1 - w[inside].sum() / w.sum())


def jensen_shannon(p: Float[np.ndarray, "*b"], q: Float[np.ndarray, "*b"]) -> float:
    """Eq. (4.4) of two arrays of probabilities, in nats: from 0 to log 2."""
    middle = 0.5 * (p + q)

    def to_middle(p):
        return np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1) / np.where(p > 0, middle, 1)), 0))

    return float(0.5 * to_middle(p) + 0.5 * to_middle(q))


def earth_mover(
    p: Float[np.ndarray, "b c"], q: Float[np.ndarray, "b c"], reach: Sequence[float], max_steps: int = 10_000_000
) -> float:
    """Eq. (4.5) of two histograms within +- reach, by POT's network simplex; exact, in the unit of ``reach``.

    What both histograms hold of a bin stays where it is: no plan gains by moving it, for distances obey the triangle
    inequality (Kantorovich, Rubinstein 1958), so that only the surplus bins of either side are matched.

    Raises: InputError where POT is not installed; RuntimeError where the simplex does not end.
    """
    try:
        import ot
    except ImportError as error:
        raise InputError("earth mover distance: POT is not installed: pip install 'jaxunfold[laser]'") from error
    difference = (p - q).ravel()
    centres = [(np.arange(n) + 0.5) * (2 * r / n) - r for n, r in zip(p.shape, reach)]
    points = np.stack(np.meshgrid(*centres, indexing="ij"), -1).reshape(-1, 2)
    source, sink = difference > 0, difference < 0
    if not source.any() or not sink.any():
        return 0.0
    supply, demand = difference[source], -difference[sink]
    moved = supply.sum()
    cost = ot.dist(points[source], points[sink], metric="euclidean")
    value, log = ot.emd2(supply / moved, demand / demand.sum(), cost, numItermax=max_steps, log=True)[:2]
    if isinstance(log, dict) and log.get("warning"):
        raise RuntimeError(f"earth mover distance: {log['warning']}")
    return float(moved * value)


def scores(
    x: Float[np.ndarray, "n 2"],
    truth: Float[np.ndarray, "m 2"],
    reach: Sequence[float],
    bins: int = 100,
    weight: Float[np.ndarray, " n"] | None = None,
    with_emd: bool = True,
) -> Scores:
    """All distances of a sample, weighted or not, to the truth.

    Args:
      x, truth: Points. reach: The range is +- reach, in x and y. bins: In each direction. weight: Of x.
      with_emd: Whether to compute the earth mover distance, which takes most of the time; NaN otherwise.
    """
    p, outside = histogram(x, reach, bins, weight)
    q, _ = histogram(truth, reach, bins)
    width = 2 * np.asarray(reach, np.float64) / bins
    area, largest = float(np.prod(width)), float(np.linalg.norm(width * (bins - 1)))
    jsd = jensen_shannon(p, q)
    emd = earth_mover(p, q, reach) if with_emd else float("nan")
    return Scores(jsd, emd, jsd / area, emd / (area * largest), outside)
