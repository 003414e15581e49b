"""The two samples that a reweighting starts from, checked: the simulation, and the data without its background."""

from typing import NamedTuple

import numpy as np

from jaxunfold.errors import InputError


class Simulation(NamedTuple):
    """Truth [n, d], reco [n, r], weight of any sign, and pass flags [n]. What does not pass is not looked at."""

    truth: np.ndarray
    reco: np.ndarray
    weight: np.ndarray
    pass_truth: np.ndarray
    pass_reco: np.ndarray


def simulation(truth, reco, weight, pass_truth, pass_reco) -> Simulation:
    """The simulation from arrays, with None for weights of one and flags that all pass.

    Raises: InputError for shapes that do not fit, or numbers that are not finite.
    """
    n = len(truth)
    parts = {
        "sim_truth": truth,
        "sim_reco": reco,
        "sim_weight": weight,
        "pass_truth": pass_truth,
        "pass_reco": pass_reco,
    }
    for name, values in parts.items():
        ndim = 2 if name in ("sim_truth", "sim_reco") else 1
        if values is not None and (np.ndim(values) != ndim or len(values) != n):
            expected = f"[{n}, k]" if ndim == 2 else f"[{n}]"
            raise InputError(f"{name}: expected an array {expected}, found {np.shape(values)}")
    flags = (np.ones(n, bool) if flag is None else np.asarray(flag, bool) for flag in (pass_truth, pass_reco))
    weight = np.ones(n) if weight is None else np.asarray(weight, np.float64)
    sim = Simulation(np.asarray(truth), np.asarray(reco), weight, *flags)
    if np.count_nonzero(sim.pass_truth & sim.pass_reco) < 2:
        raise InputError("simulation: expected at least 2 events that pass at truth and reco level")
    for name, values, rows in (
        ("sim_truth", sim.truth, sim.pass_truth), ("sim_reco", sim.reco, sim.pass_reco), ("sim_weight", weight, ...)
    ):  # fmt: skip
        _refuse_non_finite(name, values[rows])
    return sim


def _refuse_non_finite(name, values):
    if bad := int(np.count_nonzero(~np.isfinite(values))):
        raise InputError(f"{name}: expected finite numbers, found {bad} that are not")


def measured(sim: Simulation, data, data_weight, background, background_weight):
    """Data and background as one weighted sample (rows [m, r], weight [m]), the background with its sign turned.

    Raises: InputError for shapes that do not fit, numbers that are not finite, or more background than data.
    """
    parts = []
    for name, rows, weight, sign in (
        ("data", data, data_weight, 1.0),
        ("background", background, background_weight, -1.0),
    ):
        if rows is None:
            continue
        rows = np.asarray(rows)
        weight = np.ones(len(rows)) if weight is None else np.asarray(weight, np.float64)
        if rows.ndim != 2 or rows.shape[1] != sim.reco.shape[1] or weight.shape != rows.shape[:1]:
            expected = f"[n, {sim.reco.shape[1]}] and weights [n]"
            raise InputError(f"{name}_reco: expected {expected}, found {rows.shape} and {weight.shape}")
        _refuse_non_finite(f"{name}_reco", rows)
        _refuse_non_finite(f"{name}_weight", weight)
        parts.append((rows, sign * weight))
    rows, weight = (np.concatenate(values) for values in zip(*parts))
    if not weight.sum() > 0:
        raise InputError(f"data: expected more of it than of background, found a sum of weights of {weight.sum():g}")
    return rows, weight


def standardised(*parts):
    """Rows of about unit size, by the moments of the first part."""
    mean, scale = parts[0].mean(axis=0), parts[0].std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return [((part - mean) / scale).astype(np.float32) for part in parts]
