"""Two-sample test by a classifier: can boosted trees tell the truth from one draw of each posterior?"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.ensemble import HistGradientBoostingClassifier

from jaxunfold.metrics.compared import Compared, momenta_observables, reco_observables

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


def momenta_features(momenta, labels, masses) -> np.ndarray:
    """pT, eta, cos phi and sin phi of every particle [n, p, 4] and the masses {name: [n]}: [n, 4 p + r]."""
    leaves = momenta_observables(momenta, labels, {})
    px, py = momenta[..., 1], momenta[..., 2]
    transverse = np.maximum(np.hypot(px, py), 1e-30)
    columns = [column for i in range(len(labels)) for column in (px[:, i], py[:, i])]
    phis = [c / transverse[:, i // 2] for i, c in enumerate(columns)]
    return np.stack([*leaves.values(), *phis, *masses.values()], axis=1).astype(np.float32)


def features(data: Compared, truth_like: np.ndarray, chosen: np.ndarray, with_reco: bool) -> np.ndarray:
    """What the classifier sees of truth-like events [c, p, 4] or [c, d] of the events ``chosen`` [c].

    (truth), or with_reco (truth, reco, truth - reco): the difference column by column where both levels have
    the column. Absent measured objects are NaN, which the trees treat as a value of its own.
    """
    if data.is_table:
        truth = truth_like
        if not with_reco:
            return truth
        reco = data.reco_events[chosen]
        pairs = [(data.truth_names.index(a), data.reco_names.index(b)) for a, b in data.match.items()]
        difference = np.stack([truth[:, i] - reco[:, j] for i, j in pairs] or [np.zeros(len(truth))], axis=1)
        return np.concatenate([truth, reco, difference], axis=1)
    values = momenta_observables(truth_like, data.truth_names, data.resonances)
    masses = {name: value for name, value in values.items() if name.startswith("m_")}
    truth = momenta_features(truth_like, data.truth_names, masses)
    if not with_reco:
        return truth
    reco = data.reco_events[chosen]
    mask = None if data.mask is None else data.mask[chosen]
    measured = reco_observables(reco, mask, data.reco_names, data.match, data.resonances)
    reco_masses = {name: value for name, value in measured.items() if name in masses}
    reco_columns = _hide(momenta_features(reco, data.reco_names, reco_masses), mask, len(data.reco_names))
    leaves = [data.reco_names.index(data.match[x]) for x in data.truth_names if x in data.match]
    matched = [i for i, x in enumerate(data.truth_names) if x in data.match]
    shared = {name: masses[name] for name in reco_masses}
    partner = None if mask is None else mask[:, leaves]
    names = tuple(data.match)
    a = momenta_features(truth_like[:, matched], names, shared)
    b = _hide(momenta_features(reco[:, leaves], names, reco_masses), partner, len(names))
    return np.concatenate([truth, reco_columns, a - b], axis=1)


def _hide(columns, mask, particles):
    """NaN for the features of absent particles: (pT, eta) of each, then (cos phi, sin phi) of each."""
    if mask is None:
        return columns
    absent = np.zeros(columns.shape, dtype=bool)
    absent[:, : 4 * particles] = np.tile(np.repeat(~mask, 2, axis=1), 2)
    return np.where(absent, np.float32(np.nan), columns)


def one_draw(data: Compared, rng: np.random.Generator, chosen: np.ndarray) -> np.ndarray:
    """One draw for each of the events ``chosen``, with the probability of its weight: [c, p, 4] or [c, d]."""
    rows = chosen if data.paired else np.zeros(len(chosen), dtype=int)
    share = np.cumsum(np.abs(data.draw_weight), axis=1)
    u = rng.uniform(size=len(chosen))
    if data.paired:
        at = np.sum(share[rows] < u[:, None] * share[rows, -1:], axis=1)
    else:
        at = np.searchsorted(share[0], u * share[0, -1])
    return data.samples[rows, np.minimum(at, share.shape[1] - 1)]


def held_out_auc(
    positive: np.ndarray, negative: np.ndarray, weight: np.ndarray, seed: int, fold: np.ndarray
) -> Auc:
    """Two-fold held-out AUC of boosted trees; both members of a pair are always in the same fold.

    Args:
      positive, negative: Features [n, f] of the two classes, row i of both from event i.
      weight: [n] for both classes; what is negative is left out of the fit, not of the area.
      fold: [n], 0 or 1.
    """
    results = []
    for held in (0, 1):
        fit, test = fold != held, fold == held
        x = np.concatenate([positive[fit], negative[fit]])
        y = np.repeat([1, 0], fit.sum())
        w = np.tile(np.maximum(weight[fit], 0.0), 2)
        model = HistGradientBoostingClassifier(random_state=seed, early_stopping=False)
        model.fit(x, y, sample_weight=w)
        scores = [model.decision_function(z[test]).astype(np.float64) for z in (positive, negative)]
        results.append(paired_auc(*scores, weight[test]))
    value = np.mean([r.value for r in results])
    return Auc(float(value), float(0.5 * np.hypot(*[r.error for r in results])))


def classifier_auc(
    data: Compared, with_reco: bool = True, max_events: int = MAX_EVENTS, seed: int = 0
) -> Auc:
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
    drawn = one_draw(data, rng, chosen)
    positive = features(data, data.truth_events[chosen], chosen, with_reco)
    negative = features(data, drawn, chosen, with_reco)
    return held_out_auc(positive, negative, data.weight[chosen], seed, np.arange(len(chosen)) % 2)
