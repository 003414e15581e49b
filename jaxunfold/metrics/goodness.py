"""Is an unfolded histogram right? Chi-squared of what is refolded, the bottom-line test, pulls over experiments."""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from jaxunfold.errors import InputError


class Chi2(NamedTuple):
    """value, degrees of freedom, and the probability of a larger value by chance."""

    value: float
    ndf: int
    probability: float


def chi2(difference: np.ndarray, covariance: np.ndarray, constraints: int = 0) -> Chi2:
    """d^T V^+ d with the pseudo-inverse; its rank, less ``constraints``, is the number of degrees of freedom.

    Args:
      difference: [n]. covariance: [n, n]. constraints: Numbers that were fitted to the same data.
    Raises: InputError for a covariance that is not finite, or of no rank.

    Example:
      >>> found = chi2(np.array([1.0, -1.0]), np.eye(2))
      >>> found.value, found.ndf, round(found.probability, 3)
      (2.0, 2, 0.368)
    """
    covariance = np.asarray(covariance, np.float64)
    if not np.isfinite(covariance).all():
        raise InputError("covariance: expected finite numbers")
    # in units of the errors, so that small bins do not fall below the pseudo-inverse's cut
    error = np.sqrt(np.diag(covariance))
    used = error > 0
    correlation = covariance[np.ix_(used, used)] / np.outer(error[used], error[used])
    values, vectors = np.linalg.eigh(correlation)
    kept = values > 1e-10 * len(values)
    if (ndf := int(kept.sum()) - constraints) < 1:
        raise InputError(f"covariance: expected a rank above {constraints}, found {int(kept.sum())}")
    along = vectors.T[kept] @ (np.asarray(difference, np.float64)[used] / error[used])
    value = float(np.sum(along**2 / values[kept]))
    return Chi2(value, ndf, float(chdtrc(ndf, value)))


def refolded_chi2(response, counts, data, fakes=None) -> Chi2:
    """Data against what the unfolded counts would be measured as, with Poisson errors of the expectation.

    Not independent of the data, so smaller than the degrees of freedom for an unfolding that follows them; large
    where regularisation has kept the prior against the data.

    Args:
      response: [n_reco, n_truth]. counts: [n_truth]. data: [n_reco]. fakes: expected, [n_reco].
    """
    expected = np.asarray(response) @ counts + (0.0 if fakes is None else fakes)
    return chi2(np.asarray(data) - expected, np.diag(np.maximum(expected, 1e-12)))


class BottomLine(NamedTuple):
    """Chi-squared between data and a hypothesis, before and after unfolding; ``holds`` if the latter is no larger."""

    measured: Chi2
    unfolded: Chi2

    @property
    def holds(self) -> bool:
        return self.unfolded.value <= self.measured.value


def bottom_line(response, hypothesis, data, counts, covariance, fakes=None) -> BottomLine:
    """Whether unfolding made a hypothesis look more wrong than the measured data say; it cannot know more than they.

    Cousins, May and Sun, arXiv:1607.07038. A violation says that the covariance is too small or a bias not in it.

    Args:
      response: [n_reco, n_truth]. hypothesis: truth counts, [n_truth]. data: [n_reco].
      counts, covariance: Unfolded, [n_truth] and [n_truth, n_truth]. fakes: expected, [n_reco].
    """
    expected = np.asarray(response) @ hypothesis + (0.0 if fakes is None else fakes)
    before = chi2(np.asarray(data) - expected, np.diag(np.maximum(expected, 1e-12)))
    return BottomLine(before, chi2(np.asarray(counts) - hypothesis, covariance))


class Pulls(NamedTuple):
    """mean, width: of every bin's pulls over experiments, [bins]. coverage_68, coverage_95: fraction of experiments
    whose interval of one (1.96) errors contains the truth, [bins]."""

    mean: np.ndarray
    width: np.ndarray
    coverage_68: np.ndarray
    coverage_95: np.ndarray

    def average(self) -> dict[str, float]:
        """The same averaged over bins, by name."""
        return {name: float(np.mean(values)) for name, values in self._asdict().items()}


def pulls(unfolded: np.ndarray, error: np.ndarray, truth: np.ndarray) -> Pulls:
    """Pulls (unfolded - truth) / error over pseudo-experiments.

    Args:
      unfolded: [experiments, bins]. error: The same, or [bins] for one error of all. truth: expected, [bins].
    Raises: InputError for fewer than two experiments, or an error that is not positive.
    """
    error = np.broadcast_to(error, np.shape(unfolded))
    if len(unfolded) < 2:
        raise InputError(f"unfolded: expected at least 2 experiments, found {len(unfolded)}")
    if not (error > 0).all():
        raise InputError(f"error: expected positive numbers, found {error.min():g}")
    pull = (np.asarray(unfolded) - truth) / error
    inside = [np.mean(np.abs(pull) < size, axis=0) for size in (1.0, 1.959964)]
    return Pulls(pull.mean(axis=0), pull.std(axis=0, ddof=1), *inside)
