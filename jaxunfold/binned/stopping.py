"""When to stop iterating, without knowing the truth: rules on counts and covariances of all iterations.

Each returns the number of the iteration to use, from 1. A rule that is not met in the iterations at hand says so.
"""

import numpy as np

from jaxunfold.errors import InputError


def global_correlation(covariance: np.ndarray) -> np.ndarray:
    """Average over bins of the global correlation coefficient, of every iteration, [k].

    rho_j = sqrt(1 - 1 / (V_jj (V^-1)_jj)): how well bin j is predicted by all others. Few iterations correlate bins
    by smearing, many by fluctuations; the minimum lies between (Schmitt, arXiv:1611.01927, section 4).
    """
    out = []
    for matrix in covariance:
        variance = np.diag(matrix)
        # bins that hold nothing have no correlation
        used = variance > 0
        inverse = np.linalg.pinv(matrix[np.ix_(used, used)], hermitian=True)
        out.append(np.mean(np.sqrt(np.clip(1 - 1 / (variance[used] * np.diag(inverse)), 0, 1))))
    return np.array(out)


def stop_by_correlation(covariance: np.ndarray) -> int:
    """The iteration of the smallest average global correlation; covariance [k, n_truth, n_truth].

    Raises: InputError if it still falls at the last iteration: its minimum, if it has one, lies beyond.
    """
    values = global_correlation(covariance)
    stop = int(np.argmin(values))
    if 0 < stop == len(values) - 1:
        raise InputError(
            f"num_iterations: expected a minimum of the average global correlation within {len(values)}, found it "
            "falling to the end: do more, or choose a number"
        )
    return stop + 1


def stop_by_change(counts: np.ndarray, covariance: np.ndarray, fraction: float = 0.1) -> int:
    """The first iteration that moved every bin by less than a fraction of its uncertainty.

    What further iterations would change is then small beside the error that is quoted.

    Args:
      counts: [k, n_truth]. covariance: [k, n_truth, n_truth].
    Raises: InputError if no iteration did.
    """
    error = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))[1:]
    moved = np.abs(np.diff(counts, axis=0)) / np.where(error > 0, error, np.inf)
    still = np.flatnonzero(moved.max(axis=1) < fraction)
    if not len(still):
        raise InputError(
            f"num_iterations: expected enough for every bin to move by less than {fraction:g} of its error, found "
            f"{moved[-1].max():.2g} after {len(counts)}"
        )
    return int(still[0]) + 2
