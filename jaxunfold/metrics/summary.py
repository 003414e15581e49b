"""All metrics of one unfolding as one dictionary: the contents of metrics.json."""

import numpy as np

from jaxunfold.metrics import bootstrap, calibration, distances
from jaxunfold.metrics.balance import momentum_balance
from jaxunfold.metrics.compared import Compared
from jaxunfold.metrics.masses import peak
from jaxunfold.metrics.quantiles import median_and_width
from jaxunfold.metrics.tarp import tarp_ranks
from jaxunfold.metrics.two_sample import MAX_EVENTS, classifier_auc


def rank_metrics(ranks, weight, counts) -> tuple[dict[str, float], dict[str, float]]:
    """Calibration of one observable's ranks [n], and bootstrap errors from the multiplicities [n, b]."""
    column, resampled = weight[:, None], counts * weight[:, None]
    values = {
        "calibration_max_deviation": calibration.max_deviation(ranks, column),
        "coverage_68": calibration.central_coverage(ranks, 0.68, column),
        "coverage_95": calibration.central_coverage(ranks, 0.95, column),
    }
    errors = {
        "calibration_max_deviation": calibration.max_deviation(ranks, resampled),
        "coverage_68": calibration.central_coverage(ranks, 0.68, resampled),
        "coverage_95": calibration.central_coverage(ranks, 0.95, resampled),
    }
    return (
        {name: float(value[0]) for name, value in values.items()},
        {name: bootstrap.standard_error(value) for name, value in errors.items()},
    )


def draw_ranks(data: Compared, name: str, seed: int = 0) -> np.ndarray:
    """Randomised ranks [n] of one observable, the same for the same seed in tables and figures."""
    index = list(data.truth).index(name)
    equal = np.ptp(data.draw_weight, axis=1).max() == 0
    sign = np.where(data.weight < 0, -1.0, 1.0)[:, None]
    share = None if equal or not data.paired else data.draw_weight * sign
    # an event of weight zero has no share to tell its draws apart by
    if share is not None:
        share = np.where(data.weight[:, None] == 0, 1.0, share)
    rng = np.random.default_rng([seed, index])
    return calibration.randomised_ranks(rng, data.truth[name], data.draws[name], share)


def observable_metrics(data: Compared, name: str, truth_counts, draw_counts, seed: int, paired: bool):
    """Metrics of one observable, with the replicas that its errors came from."""
    truth, draws = data.truth[name], data.draws[name]
    flat, flat_weight = draws.reshape(-1), data.draw_weight.reshape(-1)
    edges = distances.histogram_edges(truth, data.weight)
    rep = bootstrap.replicate(truth, draws, data.weight, data.draw_weight, truth_counts, draw_counts, include=edges)
    points, difference = distances.cdf_difference(truth, flat, data.weight, flat_weight)
    last = np.append(points[1:] != points[:-1], True)
    truth_median, truth_width = median_and_width(truth, data.weight)
    median, width = median_and_width(flat, flat_weight)
    values = {
        "wasserstein": float(np.sum(np.abs(difference[:-1]) * np.diff(points.astype(np.float64)))),
        "triangular": distances.triangular(truth, flat, data.weight, flat_weight, edges),
        "ks": float(np.max(np.abs(difference[last]))),
    }
    errors = {
        "wasserstein": bootstrap.standard_error(bootstrap.wasserstein_replicas(rep)),
        "triangular": bootstrap.standard_error(bootstrap.triangular_replicas(rep, edges)),
        "ks": bootstrap.standard_error(bootstrap.ks_replicas(rep)),
    }
    if paired:
        ranked, rank_errors = rank_metrics(draw_ranks(data, name, seed), data.weight, truth_counts)
        values.update(ranked)
        errors.update(rank_errors)
    else:
        values.update(calibration_max_deviation=None, coverage_68=None, coverage_95=None)
    values.update(truth_median=truth_median, median=median, truth_width_68=truth_width, width_68=width)
    return {**values, "stat_error": errors}, rep


def tarp_metrics(data: Compared, seed: int) -> dict:
    """Distance of the TARP curve from the diagonal, in all observables together, and its bootstrap error.

    The first 10,000 events and 100 draws; None for weighted draws, or one sample for all events.
    """
    if not data.paired or np.ptp(data.draw_weight, axis=1).max() > 0:
        return {"tarp_max_deviation": None, "tarp_max_deviation_error": None}
    truth = np.stack([values[:MAX_EVENTS] for values in data.truth.values()], axis=-1)
    draws = np.stack([values[:MAX_EVENTS, :100] for values in data.draws.values()], axis=-1)
    ranks, weight = tarp_ranks(np.random.default_rng([seed, 4]), truth, draws), data.weight[: len(truth)]
    values, errors = rank_metrics(ranks, weight, bootstrap.multiplicities(len(truth), bootstrap.REPLICAS, seed))
    name = "calibration_max_deviation"
    return {"tarp_max_deviation": values[name], "tarp_max_deviation_error": errors[name]}


def evaluate_metrics(
    data: Compared, *, seed: int = 0, replicas: int = bootstrap.REPLICAS, classifier_events: int = MAX_EVENTS
) -> dict:
    """The contents of metrics.json.

    Args:
      data: From ``compared.compare``.
      seed: Of the ranks' uniform numbers, the bootstrap and the classifier.
      replicas: Bootstrap replicas behind every ``stat_error``.
      classifier_events: At most so many events of each class; 0 leaves the classifier out (None).
    Returns: A dictionary that json can write. Per-event quantities (calibration, coverage, the joint
      classifier) are None where one weighted sample serves all events.
    """
    n, draws = len(data.weight), data.draw_weight.shape[1]
    truth_counts = bootstrap.multiplicities(n, replicas, seed)
    draw_counts = truth_counts if data.paired else None
    # one shared sample: each of its draws is an event of its own
    split = data
    if draw_counts is None:
        draw_counts = bootstrap.multiplicities(draws, replicas, seed + 1)
        columns = {name: value.reshape(-1, 1) for name, value in data.draws.items()}
        split = data._replace(draws=columns, draw_weight=data.draw_weight.reshape(-1, 1))
    observables, masses = {}, {}
    for name in data.truth:
        values, rep = observable_metrics(split, name, truth_counts, draw_counts, seed, data.paired)
        observables[name] = values
        if name.startswith("m_") and name[2:] in data.resonances:
            entry = peak(data.truth[name], data.draws[name], data.weight, data.draw_weight, data.reco.get(name), rep)
            entry["ks"] = values["ks"]
            entry["stat_error"]["ks"] = values["stat_error"]["ks"]
            masses[name] = entry
    out = {"n_events": n, "draws": draws, "observables": observables}
    marginal = joint = None
    if classifier_events:
        marginal = classifier_auc(data, False, classifier_events, seed)
        if data.paired and data.reco_events is not None:
            joint = classifier_auc(data, True, classifier_events, seed)
    out["classifier_auc"], out["classifier_auc_error"] = joint or (None, None)
    out["classifier_auc_marginal"], out["classifier_auc_marginal_error"] = marginal or (None, None)
    out["classifier_events"] = min(n, classifier_events)
    out |= tarp_metrics(data, seed)
    out["masses"] = masses
    if not data.is_table:
        out["momentum_balance"] = float(momentum_balance(data.samples).max())
        out["momentum_balance_truth"] = float(momentum_balance(data.truth_events).max())
    return out
