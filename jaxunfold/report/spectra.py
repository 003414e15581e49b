"""Spectra of truth, reco and unfolded events, with ratio panels and statistical bands (thesis Fig. 2.15)."""

from typing import NamedTuple

import hist
import mplhep
import numpy as np

from jaxunfold.metrics import covariance
from jaxunfold.metrics.compared import Compared
from jaxunfold.metrics.quantiles import median_and_width, weighted_quantile
from jaxunfold.report import labels, style

BINS, PEAK_BINS = 40, 64
MIN_EVENTS = 20
RATIO = (0.72, 1.28)
ROUNDING = 0.01
"""GeV: what float32 leaves of a balance of TeV momenta; all particles of an event together may have no other pT."""


class Spectrum(NamedTuple):
    """A density and its statistical error per bin, normalised to all events; edges [bins + 1]."""

    edges: np.ndarray
    values: np.ndarray
    error: np.ndarray


def spectrum(values, weight, edges) -> Spectrum:
    """Density of [n] or [n, k] values; the draws of an event are not independent: the error counts events."""
    flat, w = values.reshape(-1), np.broadcast_to(weight, values.shape).reshape(-1)
    there = np.isfinite(flat)
    histogram = hist.Hist(hist.axis.Variable(edges), storage=hist.storage.Weight())
    histogram.fill(flat[there], weight=w[there])
    scale = np.diff(edges) * w.sum()
    if values.ndim == 1 or values.shape[1] == 1 or values.shape[0] == 1:
        return Spectrum(edges, histogram.values() / scale, np.sqrt(histogram.variances()) / scale)
    bins = len(edges) - 1
    at = np.searchsorted(edges, flat, side="right") - 1
    inside = (at >= 0) & (at < bins)
    event = np.repeat(np.arange(len(values)), values.shape[1])
    per_event = np.bincount(event[inside] * bins + at[inside], w[inside], minlength=len(values) * bins)
    variance = np.sum(per_event.reshape(len(values), bins) ** 2, axis=0)
    return Spectrum(edges, histogram.values() / scale, np.sqrt(variance) / scale)


def view_range(data: Compared, name: str, peak: bool = False) -> tuple[float, float]:
    """Range of an axis from the truth: the whole distribution but its last per mille, or a mass peak."""
    truth = data.truth[name]
    if peak:
        median, width = median_and_width(truth, data.weight)
        reco = data.reco.get(name, np.array([np.nan]))
        measured = np.isfinite(reco)
        wide = median_and_width(reco[measured])[1] if measured.any() else 0.0
        # wide enough to see what was measured, unless that is no peak, as where jets are not those of the decay
        half = min(max(5 * width, 1.6 * wide), 12 * width)
        return median - half, median + half
    low, high = weighted_quantile(truth, np.array([0.001, 0.998]), data.weight)
    if name.startswith("pt_"):
        low = 0.0
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def spectrum_edges(data: Compared, name: str, peak: bool = False) -> np.ndarray:
    """Equal bins, joined towards both ends until each has ``MIN_EVENTS`` true events."""
    edges = np.linspace(*view_range(data, name, peak), (PEAK_BINS if peak else BINS) + 1)
    counts, _ = np.histogram(data.truth[name], edges)
    middle = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
    # [::-1] walks down: the edges are then counted from the middle too
    below = _joined(counts[:middle][::-1])
    above = _joined(counts[middle:])
    return edges[[middle - i for i in below][::-1] + [middle] + [middle + i for i in above]]


def _joined(counts) -> list[int]:
    """Ends of runs of bins that hold ``MIN_EVENTS`` each; the last run takes the rest."""
    ends, held = [], 0
    for i, count in enumerate(counts):
        held += count
        if held >= MIN_EVENTS:
            ends.append(i + 1)
            held = 0
    if len(counts):
        ends = [*ends[:-1], len(counts)]
    return ends


def draw_spectrum(upper, lower, data: Compared, name: str, log: bool = False, peak: bool = False) -> None:
    """One spectrum in the upper and its ratio to truth in the lower axes."""
    edges = spectrum_edges(data, name, peak)
    truth = spectrum(data.truth[name], data.weight, edges)
    unfolded = spectrum(data.draws[name], data.draw_weight, edges)
    upper.stairs(truth.values, edges, fill=True, color=style.TRUTH_FILL)
    mplhep.histplot(truth.values, edges, ax=upper, color=style.TRUTH, label="truth", yerr=False, lw=1.2)
    word = "generated" if data.reco_events is None else "unfolded"
    levels = [(word, unfolded, style.UNFOLDED, "-")]
    if name in data.reco:
        reco = spectrum(data.reco[name], data.weight, edges)
        levels.insert(0, ("reco", reco, style.RECO, "--"))
    for label, values, colour, line in levels:
        mplhep.histplot(values.values, edges, ax=upper, color=colour, label=label, yerr=False, ls=line)
        safe = np.where(truth.values > 0, truth.values, np.nan)
        ratio, error = values.values / safe, values.error / safe
        lower.stairs(ratio, edges, baseline=None, color=colour, ls=line, lw=1.3)
        if label == word:
            for axes, low, high in (
                (upper, values.values - values.error, values.values + values.error),
                (lower, ratio - error, ratio + error),
            ):
                axes.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=0.3, lw=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(truth.values > 0, truth.error / truth.values, 0.0)
    if data.member is not None:
        draw_training_band(upper, lower, data, name, unfolded, truth)
    lower.stairs(1 + relative, edges, baseline=1 - relative, fill=True, color=style.TRUTH_FILL, zorder=0)
    lower.axhline(1, color=style.TRUTH, lw=0.8)
    top = max(truth.values.max(), *(v.values.max() for _, v, _, _ in levels))
    positive = truth.values[truth.values > 0]
    if log and len(positive):
        upper.set_yscale("log")
        upper.set_ylim(0.4 * positive.min(), 6 * top)
    else:
        # an observable that is the same in all events has no density
        upper.set_ylim(0, 1.28 * top or 1)
    unit = data.units.get(name, "")
    upper.set_ylabel("density [1/" + unit + "]" if unit else "density")
    lower.set_ylabel("ratio to truth", fontsize=9.5)
    lower.set_xlabel(labels.tex(name, unit))
    lower.set_ylim(*RATIO)
    for axes in (upper, lower):
        axes.set_xlim(edges[0], edges[-1])
    upper.tick_params(labelbottom=False)


def draw_training_band(upper, lower, data: Compared, name: str, unfolded: Spectrum, truth: Spectrum) -> None:
    """What the networks of the training differ by, as a hatched band in both axes."""
    edges = unfolded.edges
    found = covariance.member_covariance(data.draws[name], data.draw_weight, data.member, edges)
    spread = covariance.band(found) / (np.diff(edges) * data.draw_weight.sum())
    safe = np.where(truth.values > 0, truth.values, np.nan)
    for axes, scale in ((upper, 1.0), (lower, safe)):
        middle, width = unfolded.values / scale, spread / scale
        axes.stairs(
            middle + width, edges, baseline=middle - width, fill=True, facecolor="none", edgecolor=style.SERIES[2],
            hatch="/////", lw=0, label="training",
        )  # fmt: skip


def spectra_figure(data: Compared, panels: list[tuple[str, bool, bool]]):
    """A figure of spectra, two in a row. panels: (observable, logarithmic, zoomed on its peak)."""
    rows = -(-len(panels) // 2)
    figure = style.new_figure(10, 4.1 * rows)
    grid = figure.add_gridspec(2 * rows, min(2, len(panels)), height_ratios=[2.6, 1] * rows)
    for i, (name, log, peak) in enumerate(panels):
        row, column = divmod(i, 2)
        upper = figure.add_subplot(grid[2 * row, column])
        lower = figure.add_subplot(grid[2 * row + 1, column])
        draw_spectrum(upper, lower, data, name, log, peak)
        if i == 0:
            upper.legend(loc="upper right", ncols=3 if data.member is None else 2, columnspacing=1.2)
    return figure


def groups(data: Compared) -> list[tuple[str, list[tuple[str, bool, bool]]]]:
    """Which spectra share a figure: (file name, panels), the leaves of one resonance together."""
    if data.is_table:
        names = list(data.truth)
        return [(f"spectra_{i // 4}", [(x, False, False) for x in names[i : i + 4]]) for i in range(0, len(names), 4)]
    out, grouped = [], set()
    for name, children in data.resonances.items():
        leaves = [x for x in children if x in data.truth_names]
        grouped.update(leaves)
        panels = [(f"{q}_{x}", q == "pt", False) for x in leaves for q in ("pt", "eta")]
        if panels:
            out.append((f"spectra_{name}", panels))
    rest = [x for x in data.truth_names if x not in grouped]
    if rest:
        out.append(("spectra_others", [(f"{q}_{x}", q == "pt", False) for x in rest for q in ("pt", "eta")]))
    if data.resonances:
        panels = [(f"m_{name}", False, True) for name in data.resonances]
        panels += [(f"m_{name}", True, False) for name in data.resonances]
        moving = [name for name in data.resonances if np.ptp(data.truth[f"pt_{name}"]) > ROUNDING]
        panels += [(f"pt_{name}", True, False) for name in moving]
        out.append(("spectra_resonances", panels))
    named = list(data.named or {})
    return out + [
        (f"spectra_named_{i // 4}", [(x, False, False) for x in named[i : i + 4]]) for i in range(0, len(named), 4)
    ]
