"""Truth particles that cannot be told apart take the order of the measured objects they lie closest to."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from jaxunfold.conversion.columns import kinematics
from jaxunfold.errors import InputError

MOST = 5


def check_match(pairs: Mapping[str, str], truth: Sequence[str], reco: Sequence[str]) -> None:
    """Raise InputError unless distinct truth labels are matched to distinct reco labels, five at most."""
    for key, names, known in (("truth", list(pairs), truth), ("reco", list(pairs.values()), reco)):
        wrong = [name for name in names if name not in known]
        if wrong or len(set(names)) != len(names):
            raise InputError(f"match.pairs: expected distinct {key} labels of {', '.join(known)}, found {names}")
    if not 1 <= len(pairs) <= MOST:
        raise InputError(f"match.pairs: expected 1 to {MOST} pairs, found {len(pairs)}")


def delta_r(p: Float[np.ndarray, "n a 4"], q: Float[np.ndarray, "n b 4"]) -> Float[np.ndarray, "n a b"]:
    """Distance in pseudorapidity and azimuth of every pair."""
    a, b = (kinematics(x.reshape(-1, 4)) for x in (p, q))
    eta = a["eta"].reshape(p.shape[:2])[:, :, None] - b["eta"].reshape(q.shape[:2])[:, None]
    phi = a["phi"].reshape(p.shape[:2])[:, :, None] - b["phi"].reshape(q.shape[:2])[:, None]
    return np.hypot(eta, np.mod(phi + np.pi, 2 * np.pi) - np.pi)


def match_by_angle(
    truth: Float[np.ndarray, "n p 4"],
    reco: Float[np.ndarray, "n r 4"],
    mask: Bool[np.ndarray, "n r"],
    truth_labels: Sequence[str],
    reco_labels: Sequence[str],
    pairs: Mapping[str, str],
) -> tuple[np.ndarray, np.ndarray]:
    """Truth in the order of smallest summed Delta R^2 to its measured partners, and the largest Delta R [n].

    Only truth is reordered: in measured events there is none to order by. A partner that is absent counts nothing.
    """
    left = [list(truth_labels).index(name) for name in pairs]
    right = [list(reco_labels).index(name) for name in pairs.values()]
    distance = np.where(mask[:, right][:, None], delta_r(truth[:, left], reco[:, right]), 0.0)
    size = len(left)
    orders = np.array(list(itertools.permutations(range(size))))
    costs = sum(distance[:, orders[:, place], place] ** 2 for place in range(size))
    best = orders[np.argmin(costs, axis=1)]
    out = truth.copy()
    out[:, left] = np.take_along_axis(truth[:, left], best[:, :, None], axis=1)
    largest = np.take_along_axis(distance, best[:, None, :], axis=1)[:, 0].max(axis=1)
    return out, largest
