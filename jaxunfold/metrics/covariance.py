r"""Covariance between the bins of an unfolded spectrum, by named parts that add up.

*data*: the statistics of the measured sample. With every event counted a Poisson number of times and its draws kept,
the covariance of the bins is known without a single replica: event i adds h_ib = sum_k w_ik [draw k in b], and

    cov_bc = sum_i h_ib h_ic

is what the bootstrap tends to. It holds for one-to-one draws of a posterior as well as for a histogram (then it is
diagonal, with the sum of squared weights). What refitting on each replica would add, as an iterated method does, it
does not hold: use spectra of whole replicas there.
*simulation*, *network*: the spread over spectra of replicas, of ensemble members or of runs with other seeds.
*variation*: one alternative response, prior or model, as a shift of one standard deviation in all bins at once.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from jaxunfold.errors import InputError

CHUNK = 1_000_000


def spectrum(values, weight, edges) -> Float[np.ndarray, " bins"]:
    """Sum of weights in every bin, of [n] or [n, k] values and weights that broadcast to them."""
    weight = np.broadcast_to(weight, values.shape)
    return np.histogram(values, edges, weights=weight.astype(np.float64))[0]


def data_covariance(values, weight, edges) -> Float[np.ndarray, "bins bins"]:
    """Covariance of ``spectrum`` over Poisson bootstraps of the events, in closed form; memory is bounded.

    Args:
      values: An observable of every draw, [n, k]; or [n]. weight: Of every draw, the same shape.
      edges: [bins + 1]. Draws outside count in no bin.
    """
    values, weight = (np.atleast_2d(np.asarray(x).T).T for x in (values, np.broadcast_to(weight, np.shape(values))))
    bins, n = len(edges) - 1, len(values)
    out, step = np.zeros((bins, bins)), max(1, CHUNK // max(values.shape[1], bins))
    for start in range(0, n, step):
        x, w = values[start : start + step], weight[start : start + step].astype(np.float64)
        at = np.searchsorted(edges, x, side="right") - 1
        at = np.where(x == edges[-1], bins - 1, at)  # the last bin is closed, as numpy's is
        inside = (at >= 0) & (at < bins) & np.isfinite(x)
        event = np.broadcast_to(np.arange(len(x))[:, None], x.shape)[inside]
        each = np.bincount(event * bins + at[inside], w[inside], minlength=len(x) * bins).reshape(len(x), bins)
        out += each.T @ each
    return out


def replica_covariance(spectra: Float[np.ndarray, "r bins"]) -> Float[np.ndarray, "bins bins"]:
    """Covariance over spectra of replicas, with r - 1 in the denominator. Raises: InputError for fewer than two."""
    if len(spectra) < 2:
        raise InputError(f"spectra: expected at least 2 replicas, found {len(spectra)}")
    return np.atleast_2d(np.cov(np.asarray(spectra, np.float64).T))


def member_spectra(values, weight, member, edges) -> Float[np.ndarray, "members bins"]:
    """The spectrum that each network alone would give, from its draws: [n, k] values, weights and members."""
    numbers, at = np.unique(member, return_inverse=True)
    share = np.bincount(at.ravel(), np.broadcast_to(weight, values.shape).ravel())
    scale = share.sum() / share
    return np.stack([spectrum(values, weight * (at.reshape(values.shape) == m), edges) * scale[m]
                     for m in range(len(numbers))])  # fmt: skip


def member_covariance(values, weight, member, edges) -> Float[np.ndarray, "bins bins"]:
    r"""Covariance of a spectrum over the networks that its draws are from, without that of their few draws.

    A network has k / M of the k draws of an event. With p_ib the fraction of an event's draws in a bin, that adds

    .. math:: \frac{M}{k - 1} (\delta_{bc} \sum_i w_i^2 p_ib - \sum_i w_i^2 p_ib p_ic)

    to the covariance of the networks' own spectra, unbiased where the draws of an event differ little from network to
    network; it is taken out, so that a variance may turn out below zero where the spread is none.

    Args:
      values: An observable of every draw, [n, k]. weight: Of every draw, each event's shared out equally.
      member: Which network it is from. edges: [bins + 1].
    """
    spectra, k = member_spectra(values, weight, member, edges), values.shape[1]
    found = replica_covariance(spectra)
    if k < 2:
        return found
    weight = np.broadcast_to(weight, values.shape)
    own = np.diag(spectrum(values, weight * weight.sum(axis=1, keepdims=True), edges))
    return found - len(spectra) / (k - 1) * (own - data_covariance(values, weight, edges))


def posterior_covariance(values, weight, edges) -> Float[np.ndarray, "bins bins"]:
    r"""Covariance of the true spectrum of these very events around their unfolded one.

    What an event's posterior leaves open, with p_ib the fraction of its k draws in a bin, which are few themselves:

    .. math:: (1 + 1/k) \frac{k}{k - 1} \sum_i w_i^2 (\delta_{bc} p_ib - p_ib p_ic)

    Args:
      values: An observable of every draw, [n, k], k > 1. weight: Of every draw, each event's shared out equally.
      edges: [bins + 1].
    """
    k = values.shape[1]
    weight = np.broadcast_to(weight, values.shape)
    own = np.diag(spectrum(values, weight * weight.sum(axis=1, keepdims=True), edges))
    return (k + 1) / (k - 1) * (own - data_covariance(values, weight, edges))


def band(covariance) -> Float[np.ndarray, " bins"]:
    """The standard deviation of every bin; 0 where the estimate of a variance is below it."""
    return np.sqrt(np.maximum(np.diagonal(covariance), 0.0))


def variation_covariance(nominal, *varied) -> Float[np.ndarray, "bins bins"]:
    """Of one source that moves all bins together: the mean of the outer products of the shifts of ``varied``.

    One alternative is a shift of one standard deviation; two (up and down) are averaged.
    """
    shifts = [np.asarray(other, np.float64) - nominal for other in varied]
    if not shifts:
        raise InputError("varied: expected at least one alternative, found none")
    return np.mean([np.outer(shift, shift) for shift in shifts], axis=0)


def combine(parts: Mapping[str, np.ndarray], edges: Float[np.ndarray, " edges"]) -> dict:
    """{"edges", "parts": {name: covariance}, "total"}: independent sources added, as metrics.json holds them.

    Raises: InputError if a part has another shape, is not finite, or is not symmetric.
    """
    bins = len(edges) - 1
    for name, part in parts.items():
        if np.shape(part) != (bins, bins):
            raise InputError(f"{name}: expected a covariance of {bins} x {bins} bins, found shape {np.shape(part)}")
        if not np.isfinite(part).all() or not np.allclose(part, np.transpose(part)):
            raise InputError(f"{name}: expected a symmetric covariance of finite numbers")
    total = np.sum([np.asarray(part, np.float64) for part in parts.values()], axis=0)
    lists = {name: np.asarray(part).tolist() for name, part in parts.items()}
    return {"edges": edges.tolist(), "parts": lists, "total": total.tolist()}
