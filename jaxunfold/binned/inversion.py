"""Unfolding a histogram by inverting the response: plain, with Tikhonov's regularisation, and by singular values.

Thesis section 2.2.1, Eqs. (2.1) to (2.5); Hoecker and Kartvelishvili, hep-ph/9509307. Linear in the data, so each
returns the matrix that unfolds; ``apply`` turns data and covariance into counts and covariance.
"""

import numpy as np

from jaxunfold.errors import InputError


def apply(matrix: np.ndarray, data: np.ndarray, covariance: np.ndarray | None = None):
    """Unfolded counts [n_truth] and covariance [n_truth, n_truth] of data [n_reco]; Poisson where none is given."""
    covariance = np.diag(data) if covariance is None else covariance
    return matrix @ data, matrix @ covariance @ matrix.T


def _whitened(response, covariance):
    """The response in units of the data's errors, and what brings data there."""
    try:
        root = np.linalg.inv(np.linalg.cholesky(covariance))
    except np.linalg.LinAlgError as error:
        raise InputError("covariance: expected a positive definite matrix: merge empty bins first") from error
    return root @ response, root


def invert(response: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Generalised least squares: the inverse where the response is square, [n_truth, n_reco].

    Unbiased, and the least precise of all: what migration mixed comes back as fluctuations of neighbouring bins.

    Raises: InputError if fewer reco than truth bins, or bins that the response cannot tell apart.
    """
    n_reco, n_truth = response.shape
    if n_reco < n_truth:
        raise InputError(f"response: expected at least as many reco as truth bins, found {n_reco} and {n_truth}")
    whitened, root = _whitened(response, covariance)
    if np.linalg.matrix_rank(whitened) < n_truth:
        raise InputError("response: expected truth bins that can be told apart, found a singular matrix")
    return np.linalg.pinv(whitened) @ root


def curvature(n: int) -> np.ndarray:
    """Second differences of neighbouring bins, [n, n], with the ends' first differences: hep-ph/9509307, Eq. (38)."""
    matrix = -2.0 * np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)
    matrix[0, 0] = matrix[-1, -1] = -1.0
    return matrix


def tikhonov(response: np.ndarray, covariance: np.ndarray, prior: np.ndarray, strength: float) -> np.ndarray:
    """Least squares with a penalty on the curvature of counts / prior, [n_truth, n_reco].

    Minimises |V^(-1/2) (data - R n)|^2 + strength |C (n / prior)|^2. At zero it is ``invert``; a large strength
    leaves the prior's shape with the data's normalisation.
    """
    whitened, root = _whitened(response, covariance)
    penalty = curvature(len(prior)) / prior
    return np.linalg.solve(whitened.T @ whitened + strength * penalty.T @ penalty, whitened.T @ root)


def svd(response: np.ndarray, covariance: np.ndarray, prior: np.ndarray, rank: int) -> np.ndarray:
    """Hoecker and Kartvelishvili's damped singular values with regularisation at the given rank, [n_truth, n_reco].

    Tikhonov's penalty in the basis where it is diagonal, with the square of the ``rank``-th singular value as its
    strength (their Eqs. (41) and (44)): about so many components of the data are kept.

    Raises: InputError if the rank is not between 1 and the number of truth bins.
    """
    n_truth = len(prior)
    if not 1 <= rank <= n_truth:
        raise InputError(f"rank: expected 1 to {n_truth}, found {rank}")
    whitened, _ = _whitened(response, covariance)
    # the curvature matrix has no inverse for a constant; their remedy, a small diagonal
    smooth = np.linalg.inv(curvature(n_truth) - 1e-3 * np.eye(n_truth))
    values = np.linalg.svd(whitened @ np.diag(prior) @ smooth, compute_uv=False)
    return tikhonov(response, covariance, prior, values[rank - 1] ** 2)
