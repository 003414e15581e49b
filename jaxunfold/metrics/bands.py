r"""Do bands of one standard deviation hold the truth as often as they say? And what a band is made of.

Coverage needs many training samples, each unfolded or learned anew: arrays are [sets, ...] throughout.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtrit


class Coverage(NamedTuple):
    """Fraction of bins whose band holds the truth; error: over sets, whose bins are one draw together."""

    value: float
    error: float


def factor(level: float, members: int | None = None) -> float:
    """Half width of a central band in standard deviations; Student's where they come from so few members.

    Args:
      level: 0.68 and so on. members: networks that the deviation is estimated from; None where it is known well.
    """
    tail = 0.5 + level / 2
    return float(ndtri(tail) if members is None else stdtrit(members - 1, tail))


def coverage(pull: Float[np.ndarray, "sets bins"], level: float, members: int | None = None) -> Coverage:
    """How often the truth lies in the band, with the error of the mean over sets.

    Args:
      pull: (center - truth) / spread. members: As of ``factor``.
    """
    inside = np.mean(np.abs(pull) < factor(level, members), axis=1)
    return Coverage(float(inside.mean()), float(inside.std(ddof=1) / np.sqrt(len(inside))))


def conformal_factor(pull: Float[np.ndarray, "sets bins"], level: float) -> float:
    """Half width in standard deviations that held the truth in this fraction of the bins of other training sets.

    Split conformal prediction (Lei et al., arXiv:1604.04173) with |center - truth| / spread as the score, which
    needs sets whose truth is known: toys, or simulation in the place of data.
    """
    score = np.abs(pull).ravel()
    rank = min(int(np.ceil((len(score) + 1) * level)), len(score))
    return float(np.sort(score)[rank - 1])


class Parts(NamedTuple):
    """Variances of each bin, [bins]. sample: by the training events. start: by initialisation and order of the
    batches. both: what is left, by the two together.
    """

    sample: np.ndarray
    start: np.ndarray
    both: np.ndarray


def two_way(spectra: Float[np.ndarray, "samples starts bins"]) -> Parts:
    r"""Components of variance from trainings on every pair of a sample and a start: two-way analysis of variance.

    With mean squares MS of rows (samples), columns (starts) and residual: sample = (MS_r - MS_e) / starts,
    start = (MS_c - MS_e) / samples, both = MS_e; unbiased, so that a small one may come out below zero.

    Raises: ValueError for fewer than two samples or starts.
    """
    x = np.asarray(spectra, np.float64)
    rows, columns = x.shape[:2]
    if min(rows, columns) < 2:
        raise ValueError(f"spectra: expected at least 2 samples and 2 starts, got {rows} and {columns}")
    by_row, by_column, mean = x.mean(1, keepdims=True), x.mean(0, keepdims=True), x.mean((0, 1), keepdims=True)
    residual = np.sum((x - by_row - by_column + mean) ** 2, (0, 1)) / ((rows - 1) * (columns - 1))
    of_rows = columns * np.sum((by_row - mean) ** 2, (0, 1)) / (rows - 1)
    of_columns = rows * np.sum((by_column - mean) ** 2, (0, 1)) / (columns - 1)
    return Parts((of_rows - residual) / columns, (of_columns - residual) / rows, residual)
