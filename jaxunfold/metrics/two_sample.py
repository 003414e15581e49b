"""Two-sample test by a classifier: can boosted trees tell the truth from one draw of each posterior?"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from jaxunfold.metrics.compared import Compared

MAX_EVENTS = 10_000


class Auc(NamedTuple):
    """Area under the ROC curve and its standard error."""

    value: float
    error: float


def placements(
    scores: Float[np.ndarray, " n"], others: Float[np.ndarray, " m"], weight: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " n"]:
    """Weighted fraction of ``others`` below each score, ties counting one half."""
    order = np.argsort(others)
    cumulative = np.concatenate([[0.0], np.cumsum(weight[order])]) / weight.sum()
    left = np.searchsorted(others[order], scores, side="left")
    right = np.searchsorted(others[order], scores, side="right")
    return 0.5 * (cumulative[left] + cumulative[right])


def paired_auc(
    positive: Float[np.ndarray, " n"],
    negative: Float[np.ndarray, " n"],
    weight: Float[np.ndarray, " n"] | None = None,
) -> Auc:
    """AUC of two sets of scores that come in pairs, and its error by DeLong's method for pairs.

    The area is the mean of an influence per event, so that its variance is that of the sum of both
    placements of an event (DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988) 837, for pairs).
    """
    w = np.ones(len(positive)) if weight is None else weight.astype(np.float64)
    above = placements(positive, negative, w)
    below = 1.0 - placements(negative, positive, w)
    area = float(np.sum(w * above) / w.sum())
    influence = above + below - 2 * area
    return Auc(area, float(np.sqrt(np.sum((w * influence) ** 2)) / w.sum()))


def particle_features(momenta: Float[np.ndarray, "n p 4"]) -> Float[np.ndarray, "n f"]:
    """pT and eta of each particle in turn, then cos phi and sin phi of each: [n, 4 p]."""
    transverse = np.maximum(np.hypot(momenta[..., 1], momenta[..., 2]), 1e-6)
    eta = np.arcsinh(momenta[..., 3] / transverse)
    directions = momenta[..., 1:3] / transverse[..., None]
    n = len(momenta)
    kinematics = np.stack([transverse, eta], axis=-1).reshape(n, -1)
    return np.concatenate([kinematics, directions.reshape(n, -1)], axis=1).astype(np.float32)


def table_features(data: Compared, values: np.ndarray, chosen: np.ndarray, with_reco: bool) -> np.ndarray:
    """(truth), or (truth, reco, truth - reco) where the difference has the columns that correspond."""
    if not with_reco:
        return values
    reco = data.reco_events[chosen]
    pairs = [(data.truth_names.index(a), data.reco_names.index(b)) for a, b in data.match.items()]
    difference = [(values[:, i] - reco[:, j])[:, None] for i, j in pairs]
    return np.concatenate([values, reco, *difference], axis=1)


def momenta_features(
    data: Compared, momenta: np.ndarray, masses: dict, chosen: np.ndarray, with_reco: bool
) -> np.ndarray:
    """(truth), or (truth, reco, truth - reco), of momenta [c, p, 4] and resonance masses {name: [c]}.

    Absent measured objects are NaN, which the trees treat as a value of its own.
    """
    truth = np.column_stack([particle_features(momenta), *masses.values()])
    if not with_reco:
        return truth
    reco, mask = data.reco_events[chosen], None if data.mask is None else data.mask[chosen]
    reco_masses = {name: data.reco[name][chosen] for name in masses if name in data.reco}
    measured = np.column_stack([_hide(particle_features(reco), mask), *reco_masses.values()])
    at_truth = [data.truth_names.index(name) for name in data.match]
    at_reco = [data.reco_names.index(name) for name in data.match.values()]
    partners = _hide(particle_features(reco[:, at_reco]), None if mask is None else mask[:, at_reco])
    difference = np.column_stack(
        [
            particle_features(momenta[:, at_truth]) - partners,
            *(masses[x] - reco_masses[x] for x in reco_masses),
        ]
    )
    return np.concatenate([truth, measured, difference], axis=1)


def _hide(columns, mask):
    """NaN for the features of absent particles."""
    if mask is None:
        return columns
    absent = np.tile(np.repeat(~mask, 2, axis=1), 2)
    return np.where(absent, np.float32(np.nan), columns)


def one_draw(data: Compared, rng: np.random.Generator, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices (row, draw) into the samples of one draw for each of the events ``chosen``, by its weight.

    Of one sample for all events a draw is taken twice only where it weighs more than an event.
    """
    u = rng.uniform(size=len(chosen))
    share = np.cumsum(np.abs(data.draw_weight), axis=1)
    if data.paired:
        rows, last = chosen, share[chosen, -1:]
        at = np.sum(share[chosen] < u[:, None] * last, axis=1)
    else:
        # one from each of n equal parts of the weight
        rows = np.zeros(len(chosen), dtype=int)
        u = rng.permutation((np.arange(len(chosen)) + u[0]) / len(chosen))
        at = np.searchsorted(share[0], u * share[0, -1])
    return rows, np.minimum(at, share.shape[1] - 1)


def held_out_auc(positive: np.ndarray, negative: np.ndarray, weight: np.ndarray, seed: int, fold: np.ndarray) -> Auc:
    """Two-fold held-out AUC of boosted trees; both members of a pair are always in the same fold.

    Args:
      positive, negative: Features [n, f] of the two classes, row i of both from event i.
      weight: [n] for both classes; what is negative is left out of the fit, not of the area.
      fold: [n], 0 or 1.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # a second of every start otherwise

    results = []
    for held in (0, 1):
        fit, test = fold != held, fold == held
        x = np.concatenate([positive[fit], negative[fit]])
        # an object that no event has, such as the fourth jet among events with three, tells nothing apart
        shown = ~np.isnan(x).all(axis=0)
        x = x[:, shown]
        y = np.repeat([1, 0], fit.sum())
        w = np.tile(np.maximum(weight[fit], 0.0), 2)
        model = HistGradientBoostingClassifier(random_state=seed, early_stopping=False)
        # more threads than free cores make the trees many times slower, and one is fast enough
        with threadpool_limits(1, user_api="openmp"):
            # with weights it finds its bins one quantile at a time, which takes longer than the fit
            model.fit(x, y, sample_weight=None if np.ptp(w) == 0 else w)
        scores = [model.decision_function(z[test][:, shown]).astype(np.float64) for z in (positive, negative)]
        results.append(paired_auc(*scores, weight[test]))
    value = np.mean([r.value for r in results])
    return Auc(float(value), float(0.5 * np.hypot(*[r.error for r in results])))


def classifier_auc(data: Compared, with_reco: bool = True, max_events: int = MAX_EVENTS, seed: int = 0) -> Auc:
    """Held-out AUC of gradient-boosted trees of truth against one draw per event; 0.5 is perfect.

    Features are pT, eta, cos phi and sin phi of every particle and the resonance masses, or a table's
    columns; with_reco adds the same of the measured event and the difference of both. The AUC grows with the
    number of events, so quote it at 10,000.

    Args:
      data: Compared events; with_reco needs reco and draws of every event.
      max_events: Events in each class; the first ones of a random order.
      seed: Of the choice of events, draws and folds, and of the trees.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(data.weight))[:max_events]
    rows, at = one_draw(data, rng, chosen)
    truth, drawn = data.truth_events[chosen], data.samples[rows, at]
    if data.is_table:
        both = [table_features(data, values, chosen, with_reco) for values in (truth, drawn)]
    else:
        names = [f"m_{name}" for name in data.resonances]
        masses = {name: data.truth[name][chosen] for name in names}
        drawn_masses = {name: data.draws[name][rows, at] for name in names}
        both = [
            momenta_features(data, values, m, chosen, with_reco)
            for values, m in ((truth, masses), (drawn, drawn_masses))
        ]
    # copies of a draw stay in one fold: a tree that has seen one would know the other; every second one that was
    # picked, for their own numbers may all be even
    fold = np.arange(len(chosen)) if data.paired else np.unique(at, return_inverse=True)[1]
    return held_out_auc(*both, data.weight[chosen], seed, fold % 2)
