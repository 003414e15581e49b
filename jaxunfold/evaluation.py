"""A trained run against events with known truth: draws, metrics.json and the report."""

import dataclasses
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from jaxunfold import cli, config
from jaxunfold.data.events import Events, accepted
from jaxunfold.errors import InputError
from jaxunfold.metrics import covariance, pulls
from jaxunfold.metrics.compared import Compared, compare, with_smeared
from jaxunfold.metrics.distances import histogram_edges
from jaxunfold.metrics.groups import group_metrics, split_by
from jaxunfold.metrics.summary import evaluate_metrics
from jaxunfold.networks import count
from jaxunfold.run import DRAWS_PER_CALL, Run
from jaxunfold.types import Unfolded

FOCUS_EVENTS = 4
COVARIANCE_BINS = 20
OWN_PARTS = ("data", "simulation", "network")
"""Parts of a covariance that are known without other runs."""


def focus_on(run: Run, events: Events, num_draws: int, seed: int) -> Compared:
    """A few events with many draws each, for the posteriors of single events."""
    # as copies of the events, so that the program that was compiled for all of them serves again
    copies = max(1, DRAWS_PER_CALL // num_draws // len(events))
    tiled = events[np.tile(np.arange(len(events)), copies)]
    many = run.unfold(jax.random.key(seed), tiled, num_draws)

    def regroup(x):
        if x is None:
            return None
        x = x.reshape(copies, len(events), *x.shape[1:]).swapaxes(0, 1)
        return x.reshape(len(events), -1, *x.shape[3:])

    return compared(run, events, jax.tree.map(regroup, many))


def first_events(run: Run, events: Events, unfolded: Unfolded, num_draws: int, seed: int) -> Compared:
    """The first ``FOCUS_EVENTS`` events: with many draws each where an event can be unfolded by itself."""
    few = events[:FOCUS_EVENTS]
    if not run.method.whole_sample:
        return focus_on(run, few, num_draws, seed)
    # a few events would be another sample
    kept = [None if x is None else x[:FOCUS_EVENTS] for x in (unfolded.samples, unfolded.log_weights)]
    return compared(run, few, Unfolded(*kept))


def unfold_with_progress(run: Run, events: Events, num_draws: int, seed: int, uncertainty: bool = False):
    """``run.unfold`` behind a progress bar."""
    with cli.progress("unfolding", len(events), "events") as advance:
        return run.unfold(jax.random.key(seed), events, num_draws, advance, uncertainty)


def suited(run: Run, events: Events) -> Events:
    """The events that a run unfolds and is compared on.

    A generative method unfolds events that pass at truth and reco level; one that unfolds the sample as a whole
    takes what passes at reco level and is compared with all that pass at truth level.
    """
    events = run.events(events)
    return events if run.method.whole_sample and not run.method.own_draws else accepted(events)


def _at_truth_level(events: Events) -> Events:
    """The events that pass at truth level; what is not measured of them is NaN (a table) or absent (momenta)."""
    seen = events.pass_reco
    if seen is not None and events.kind == "table":
        reco = np.where(seen[:, None], events.reco, np.float32(np.nan))
        events = dataclasses.replace(events, reco=reco)
    elif seen is not None:
        mask = np.ones(events.reco.shape[:2], bool) if events.mask is None else events.mask
        events = dataclasses.replace(events, mask=mask & seen[:, None])
    return events if events.pass_truth is None else events[events.pass_truth]


def compared(run: Run, events: Events, unfolded, resonances: Mapping | None = None) -> Compared:
    """Truth, draws and measured events of a run, lined up for metrics and figures.

    resonances: In place of the run's, {name: children}; None for those.
    """
    resonances = run.resonances if resonances is None else resonances
    if len(unfolded.samples) != len(events):
        events = _at_truth_level(events)
    return compare(
        events.truth,
        unfolded.samples,
        unfolded.log_weights,
        None if run.unconditional else events.reco,
        None if run.unconditional else events.mask,
        events.weight,
        truth_names=run.problem.truth_names,
        reco_names=run.problem.reco_names,
        resonances=resonances if events.kind == "momenta" else {},
        units=run.problem.truth_units,
        sample_weight=unfolded.weight,
        named=run.named,
        member=unfolded.member,
    )


def evaluate(
    run: Run,
    events: Events,
    out: str | os.PathLike,
    num_draws: int,
    seed: int = 0,
    title: str = "",
    history: list[dict] | None = None,
    note: Callable[[str], None] = print,
    varied: Mapping[str, Sequence[Run]] | None = None,
) -> dict:
    """Unfold events with known truth; write metrics.json and index.html with its figures into ``out``.

    Args:
      run: A trained run. events: Events with truth, which the network never saw.
      num_draws: Draws per event. seed: Of the draws and of everything random in the metrics.
      history: Lines of metrics.jsonl, for the training curves.
      note: Called with a line on each finished stage.
      varied: {part: runs that unfold the same events}, see ``covariances``; None for none, unless the draws are from
        several networks.
    Returns: The contents of metrics.json, with the seconds that unfolding took under "timing".
    Raises: InputError if the events have no truth, or there are too few of them.
    """
    events = suited(run, events)
    if events.truth is None:
        raise InputError(f"{events.path or 'events'}: evaluate expected truth/{events.kind}, found none")
    if len(events) < 2:
        raise InputError(f"{events.path or 'events'}: evaluate expected at least 2 events, found {len(events)}")
    folder = Path(cli.check_writable_dir(out))
    begin = time.monotonic()
    unfolded = unfold_with_progress(run, events, num_draws, seed)
    seconds = time.monotonic() - begin
    data = compared(run, events, unfolded)
    if run.smears and data.paired:
        data = with_smeared(data, run.smear(jax.random.key(seed + 2), events.truth, num_draws))
    note("computing metrics")
    metrics = evaluate_metrics(data, seed=seed)
    metrics["timing"] = {"unfold_seconds": seconds, "draws_per_second": unfolded.log_weights.size / seconds}
    found = run.in_support(events)
    if found is not None:
        metrics["outside_support"] = int(np.sum(~found[0]))
    if hasattr(run.state, "params"):
        metrics["parameters"] = count(run.state.params)
    if unfolded.info is not None:
        metrics["info"] = {name: np.asarray(values).tolist() for name, values in unfolded.info.items()}
    if varied is not None or data.member is not None:
        varied = varied or {}
        note("computing covariances")
        others = {
            part: [compared(other, own := suited(other, events), other.unfold(jax.random.key(seed), own, num_draws))
                   for other in runs]
            for part, runs in varied.items()
        }  # fmt: skip
        metrics["covariance"] = covariances(data, others)
    if data.member is not None and data.paired:
        metrics["pulls"] = pulls.summary(data, COVARIANCE_BINS)
    members = members_of(run, events) if data.paired else {}
    if members:
        metrics["groups"] = group_metrics(data, members, seed=seed)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2))
    note("drawing figures")
    from jaxunfold.report.page import write_report  # matplotlib, which only reports wait for

    focus = (
        first_events(run, events, unfolded, num_draws, seed + 1) if data.paired and not run.unconditional else None
    )
    write_report(
        folder,
        data,
        metrics,
        title=title,
        config_text=config.to_json(run.config),
        history=history,
        seed=seed,
        focus=focus,
        members=members,
    )
    return metrics


def covariances(data: Compared, varied: dict[str, Sequence[Compared]]) -> dict:
    """Covariance between the bins of every observable, {observable: {"edges", "parts", "total"}}.

    Args:
      data: The unfolded sample; draws from several networks give the part "network".
      varied: {part: the same events, unfolded by other runs}. One or two runs are alternatives, a shift each; three
        or more are replicas (seeds, bootstraps of the simulation), and their spread counts.
    The statistics of the data are in the draws of single events; one weighted sample for all has those of the
    simulation, and of the data only in replicas.
    """
    out = {}
    for name, draws in data.draws.items():
        edges = histogram_edges(data.truth[name], data.weight, COVARIANCE_BINS)
        nominal = covariance.spectrum(draws, data.draw_weight, edges)
        if data.paired:
            parts = {"data": covariance.data_covariance(draws, data.draw_weight, edges)}
        else:
            parts = {"simulation": covariance.data_covariance(draws[0], data.draw_weight[0], edges)}
        if data.member is not None:
            parts["network"] = covariance.member_covariance(draws, data.draw_weight, data.member, edges)
        for part, others in varied.items():
            spectra = [covariance.spectrum(other.draws[name], other.draw_weight, edges) for other in others]
            several = len(spectra) > 2
            parts[part] = (
                covariance.replica_covariance(np.stack(spectra))
                if several
                else covariance.variation_covariance(nominal, *spectra)
            )
        out[name] = covariance.combine(parts, edges) | {"spectrum": nominal.tolist()}
    return out


def members_of(run: Run, events: Events) -> dict[str, np.ndarray]:
    """The classes of events that the config asks to look at: {label: which events}, without the empty ones."""
    groups = run.config.evaluation.get("groups") or {}
    columns = {} if events.extra is None else dict(zip(events.extra_names, events.extra.T))
    return {label: rows for label, rows in split_by(columns, dict(groups)).items() if rows.sum() >= 2}


def headline(metrics: dict) -> dict[str, str]:
    """The few numbers that a command prints at its end."""

    def with_error(name):
        value, error = metrics.get(name), metrics.get(f"{name}_error")
        return "none" if value is None else f"{value:.4f}" + (f" ± {error:.4f}" if error else "")

    rows = {"test events x draws": f"{metrics['n_events']} x {metrics['draws']}"}
    if "outside_support" in metrics:
        rows["outside of the training's support"] = f"{metrics['outside_support']} events"
    rows["classifier AUC, reco shown"] = with_error("classifier_auc")
    rows["classifier AUC, truth alone"] = with_error("classifier_auc_marginal")
    deviations = {
        name: entry["calibration_max_deviation"]
        for name, entry in metrics["observables"].items()
        if entry["calibration_max_deviation"] is not None
    }
    if deviations:
        worst = max(deviations, key=deviations.get)
        rows["calibration, worst deviation"] = f"{deviations[worst]:.4f} ({worst})"
    for name, entry in metrics["masses"].items():
        width = entry["unfolded_width"] / entry["truth_width"] - 1 if entry["truth_width"] else float("nan")
        rows[f"mass {name}"] = (
            f"peak {entry['unfolded_peak']:.2f} (truth {entry['truth_peak']:.2f}) GeV, width {width:+.1%}"
        )
    if "timing" in metrics:
        rows["draws per second"] = f"{metrics['timing']['draws_per_second']:.3g}"
    return rows
