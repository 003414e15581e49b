"""Several methods on the same events, side by side: figures, a table of metrics and one HTML page."""

import html
import os
from collections.abc import Callable, Collection, Mapping
from functools import partial

import numpy as np

from jaxunfold.metrics.calibration import binomial_band, calibration_curve
from jaxunfold.metrics.compared import Compared
from jaxunfold.report import calibration, labels, page, posteriors, spectra, style, tables

LINES = ("-", "--", "-.", ":")
FIGURES = {
    "spectra": "Truth (grey) and every method; ratios to truth with bands of one standard deviation.",
    "calibration": "How far the fraction of events with the truth below a quantile of their posterior is "
    "from that quantile; grey are one and two binomial standard deviations.",
    "curves": "Fraction of events with the truth below each quantile of their posterior: steep at both ends is too "
    "narrow, flat is too wide, off the diagonal to one side is biased.",
    "posteriors": "The same measured events, a row each, unfolded many times by every method; each histogram "
    "is scaled to its highest bin. Black is the truth, dotted the measured value.",
    "metrics": "The same numbers as in the table, with bootstrap errors over events; smaller is better.",
}


def colours(names: Collection[str]) -> dict[str, tuple[str, str]]:
    """{method: (colour, line style)}, distinct for up to 28 methods; neighbours differ in both, for print."""
    # the last colour of the series is the truth's
    series = style.SERIES[:-1]
    # seven colours and a step of nine lines a round: a colour comes back with the next line
    lines = [LINES[(i + 2 * (i // len(series))) % len(LINES)] for i in range(len(names))]
    return {name: (series[i % len(series)], line) for i, (name, line) in enumerate(zip(names, lines))}


def draw_spectra(upper, lower, runs: Mapping[str, Compared], name: str, log: bool, peak: bool) -> None:
    """One spectrum of truth and of every method above, their ratios to truth below."""
    first = next(iter(runs.values()))
    edges = spectra.spectrum_edges(first, name, peak)
    truth = spectra.spectrum(first.truth[name], first.weight, edges)
    safe = np.where(truth.values > 0, truth.values, np.nan)
    upper.stairs(truth.values, edges, fill=True, color=style.TRUTH_FILL, label="truth")
    upper.stairs(truth.values, edges, color=style.TRUTH, lw=1.0)
    relative = np.nan_to_num(truth.error / safe)
    lower.stairs(1 + relative, edges, baseline=1 - relative, fill=True, color=style.TRUTH_FILL, zorder=0)
    lower.axhline(1, color=style.TRUTH, lw=0.8)
    top = truth.values.max()
    for label, (colour, line) in colours(runs).items():
        data = runs[label]
        found = spectra.spectrum(data.draws[name], data.draw_weight, edges)
        top = max(top, found.values.max())
        upper.stairs(found.values, edges, baseline=None, color=colour, ls=line, lw=1.3, label=label)
        ratio, error = found.values / safe, found.error / safe
        lower.stairs(ratio + error, edges, baseline=ratio - error, fill=True, color=colour, alpha=0.2, lw=0)
        lower.stairs(ratio, edges, baseline=None, color=colour, ls=line, lw=1.3)
    unit = first.units.get(name, "")
    upper.set_ylabel(f"density [1/{unit}]" if unit else "density")
    lower.set_ylabel("ratio to truth", fontsize=9.5)
    lower.set_xlabel(labels.tex(name, unit))
    lower.set_ylim(*spectra.RATIO)
    if log and (truth.values > 0).any():
        upper.set_yscale("log")
        upper.set_ylim(0.4 * truth.values[truth.values > 0].min(), 6 * top)
    else:
        upper.set_ylim(0, 1.28 * top)
    for axes in (upper, lower):
        axes.set_xlim(edges[0], edges[-1])
    upper.tick_params(labelbottom=False)


def spectra_figure(runs: Mapping[str, Compared], panels: list[tuple[str, bool, bool]]):
    """A figure of spectra, two in a row. panels: (observable, logarithmic, zoomed on its peak)."""
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = style.new_figure(5 * columns, 4.1 * rows + 0.4)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[2.6, 1] * rows)
    for i, panel in enumerate(panels):
        row, column = divmod(i, columns)
        upper = figure.add_subplot(grid[2 * row, column])
        lower = figure.add_subplot(grid[2 * row + 1, column])
        draw_spectra(upper, lower, runs, *panel)
    _legend_on_top(figure, upper, len(runs) + 1)
    return figure


def calibration_figure(runs: Mapping[str, Compared], seed: int = 0):
    """Distance of every method's calibration curves from the diagonal, one panel per observable."""
    first = next(iter(runs.values()))
    names = list(first.truth)
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    figure = style.new_figure(2.8 * columns, 2.1 * rows + 0.7)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).reshape(-1)
    levels, band = calibration.LEVELS, binomial_band(calibration.LEVELS, first.weight)
    largest = 3.6 * band.max()
    ranks = {label: calibration.all_ranks(data, seed) for label, data in runs.items()}
    for ax, name in zip(axes, names):
        for k, alpha in ((2, 0.18), (1, 0.3)):
            ax.fill_between(levels, -k * band, k * band, color=style.TRUTH, alpha=alpha, lw=0)
        ax.axhline(0, color=style.TRUTH, lw=0.6)
        for label, (colour, line) in colours(runs).items():
            difference = calibration_curve(ranks[label][name], levels, runs[label].weight) - levels
            largest = max(largest, 1.3 * np.abs(difference).max())
            ax.plot(levels, difference, color=colour, ls=line, lw=1.3, label=label)
        ax.text(0.04, 0.95, labels.tex(name), transform=ax.transAxes, va="top")
    axes[0].set(xlim=(0, 1), ylim=(-largest, largest))
    axes[0].set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    figure.supxlabel("quantile of the posterior", fontsize=11)
    figure.supylabel("fraction of events $-$ quantile", fontsize=11)
    _legend_on_top(figure, axes[0], len(runs))
    return figure


def curves_figure(runs: Mapping[str, Compared], seed: int = 0):
    """Calibration curves of every method over each other, one panel for each of a few observables."""
    first = next(iter(runs.values()))
    names = [name for name in posteriors.chosen_observables(first) if name in first.truth]
    figure = style.new_figure(3.3 * len(names) + 0.3, 4.1)
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    ranks = {label: calibration.all_ranks(data, seed) for label, data in runs.items()}
    for ax, name in zip(axes, names):
        ax.plot([0, 1], [0, 1], color=style.TRUTH, lw=0.8)
        for label, (colour, line) in colours(runs).items():
            curve = calibration_curve(ranks[label][name], calibration.LEVELS, runs[label].weight)
            ax.plot(calibration.LEVELS, curve, color=colour, ls=line, lw=1.4, label=label)
        ax.text(0.05, 0.95, labels.tex(name), transform=ax.transAxes, va="top")
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    figure.supxlabel("quantile of the posterior", fontsize=11)
    axes[0].set_ylabel("fraction of events below it")
    _legend_on_top(figure, axes[0], len(runs))
    return figure


def draw_posteriors(ax, runs: Mapping[str, Compared], name: str, event: int) -> None:
    """One event's draws by every method, scaled to the same height; truth and measured value as lines."""
    first = next(iter(runs.values()))
    truth = first.truth[name][event]
    measured = first.reco[name][event] if name in first.reco else np.nan
    ends = [np.quantile(data.draws[name][event], [0.005, 0.995]) for data in runs.values()]
    low, high = min(truth, *(end[0] for end in ends)), max(truth, *(end[1] for end in ends))
    margin = 0.08 * (high - low) + 1e-9
    edges = np.linspace(low - margin, high + margin, 61)
    for label, (colour, line) in colours(runs).items():
        draws, weight = runs[label].draws[name][event], np.abs(runs[label].draw_weight[event])
        counts, _ = np.histogram(draws, edges, weights=weight)
        ax.stairs(counts / max(counts.max(), 1e-30), edges, color=colour, ls=line, lw=1.3, label=label)
    ax.axvline(truth, color=style.TRUTH, lw=1.8, label="truth")
    if np.isfinite(measured):
        ax.axvline(measured, color=style.TRUTH, ls=":", lw=1.4, label="reco")
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.12))
    ax.set_yticks([])
    ax.locator_params(axis="x", nbins=4)


def posteriors_figure(runs: Mapping[str, Compared], events: int = 3):
    """A few measured events (rows) in a few observables (columns), unfolded by every method."""
    first = next(iter(runs.values()))
    names = [name for name in posteriors.chosen_observables(first) if name in first.truth]
    events = min(events, len(first.weight))
    figure = style.new_figure(11, 2.3 * events + 0.5)
    axes = figure.subplots(events, len(names), squeeze=False)
    for column, name in enumerate(names):
        for row in range(events):
            draw_posteriors(axes[row, column], runs, name, row)
        axes[-1, column].set_xlabel(labels.tex(name, first.units.get(name, "")))
    for row in range(events):
        axes[row, 0].set_ylabel(f"event {row + 1}")
    _legend_on_top(figure, axes[0, 0], len(runs) + 2)
    return figure


def metrics_figure(metrics: Mapping[str, dict], names: list[str]):
    """Calibration and KS distance of every observable, the methods beside each other with their errors."""
    shown = {"calibration_max_deviation": "calibration, max. deviation", "ks": "KS distance"}
    figure = style.new_figure(10, 0.34 * len(names) + 1.6)
    axes = figure.subplots(1, len(shown), sharey=True)
    step = 0.6 / max(1, len(metrics))
    for ax, (key, title) in zip(axes, shown.items()):
        largest = 0.0
        for i, (label, (colour, _)) in enumerate(colours(metrics).items()):
            entries = [metrics[label]["observables"][name] for name in names]
            known = [(j, e[key], e["stat_error"][key]) for j, e in enumerate(entries) if e.get(key) is not None]
            if not known:
                continue
            at, value, error = np.array(known).T
            largest = max(largest, np.max(value + error))
            at = at + (i - (len(metrics) - 1) / 2) * step
            ax.errorbar(value, at, xerr=error, fmt="o", ms=4, color=colour, label=label, lw=1.2)
        for j in range(0, len(names), 2):
            ax.axhspan(j - 0.5, j + 0.5, color=style.TRUTH_FILL, alpha=0.35, lw=0)
        ax.set(xlabel=title, ylim=(len(names) - 0.5, -0.5))
        ax.set_xlim(0, 1.05 * largest if largest > 0 else 1)
    axes[0].set_yticks(range(len(names)), [labels.tex(name) for name in names])
    _legend_on_top(figure, axes[-1], len(metrics))
    return figure


def _legend_on_top(figure, axes, count: int) -> None:
    handles, names = axes.get_legend_handles_labels()
    # about twelve letters an inch, and a line of six in front of each
    fit = int(12 * figure.get_figwidth() / (6 + max(map(len, names))))
    figure.legend(handles, names, loc="outside upper center", ncols=max(1, min(count, 5, fit)), fontsize=10)


def table(metrics: Mapping[str, dict], names: list[str], units: Mapping[str, str]) -> str:
    """All metrics as one HTML table, a column per method."""
    rows = []

    def row(what, value, error):
        cells = [tables.number(value(m), error(m)) for m in metrics.values()]
        if any(value(m) is not None for m in metrics.values()):
            rows.append([what, *cells])

    for key, what in (
        ("classifier_auc", "Classifier AUC, reco shown"),
        ("classifier_auc_marginal", "Classifier AUC, truth alone"),
    ):
        row(what, lambda m, k=key: m[k], lambda m, k=key: m[f"{k}_error"])
    for mass in next(iter(metrics.values()))["masses"]:
        for key, what in (
            ("peak_shift", "median, unfolded − truth [GeV]"),
            ("width_ratio", "width, unfolded / truth"),
        ):
            row(
                f"{labels.web(mass)}, {what}",
                lambda m, k=key, x=mass: m["masses"].get(x, {}).get(k),
                lambda m, k=key, x=mass: m["masses"].get(x, {}).get("stat_error", {}).get(k),
            )
    for key, what in (
        ("calibration_max_deviation", "calibration"), ("ks", "KS"), ("wasserstein", "W<sub>1</sub>"),
        ("triangular", "triangular [10<sup>−3</sup>]"), ("coverage_68", "coverage of 68 %"),
    ):  # fmt: skip
        for name in names:
            unit = f" [{html.escape(units[name])}]" if key == "wasserstein" and units.get(name) else ""
            row(
                f"{labels.web(name)}, {what}{unit}",
                lambda m, k=key, x=name: m["observables"][x].get(k),
                lambda m, k=key, x=name: m["observables"][x]["stat_error"].get(k),
            )
    header = ["", *(html.escape(label) for label in metrics)]
    return tables.table(header, rows, "Errors are bootstrap errors over events.")


def plan(
    runs: Mapping[str, Compared], metrics: Mapping[str, dict], seed: int, focus: Mapping[str, Compared] | None = None
) -> list[tuple[style.Plot, Callable]]:
    """What the page shows, in order: a Plot and the function without arguments that makes its figure."""
    first = next(iter(runs.values()))
    out = []
    for name, panels in spectra.groups(first):
        kept = [panel for panel in panels if panel[0] in first.truth]
        heading = page.spectra_heading(first, name)
        if kept:
            out.append((style.Plot(name, heading, FIGURES["spectra"]), partial(spectra_figure, runs, kept)))
    paired = {label: data for label, data in runs.items() if data.paired}
    if focus:
        plot = style.Plot("posteriors", "Single events", FIGURES["posteriors"])
        out.append((plot, partial(posteriors_figure, focus)))
    if paired:
        plot = style.Plot("calibration_curves", "Calibration curves", FIGURES["curves"])
        out.append((plot, partial(curves_figure, paired, seed)))
        plot = style.Plot("calibration", "Calibration", FIGURES["calibration"])
        out.append((plot, partial(calibration_figure, paired, seed)))
    plot = style.Plot("metrics", "Calibration and distances", FIGURES["metrics"])
    out.append((plot, partial(metrics_figure, metrics, list(first.truth))))
    return out


def write_comparison(
    directory: str | os.PathLike,
    runs: Mapping[str, Compared],
    metrics: Mapping[str, dict],
    title: str,
    lead: str,
    seed: int = 0,
    focus: Mapping[str, Compared] | None = None,
) -> str:
    """Write DIRECTORY/index.html and DIRECTORY/figures/*.png, *.pdf.

    Args:
      directory: Made if it does not exist.
      runs: {method: what ``metrics.compared.compare`` lined up}, of the same events and observables.
      metrics: {method: what ``metrics.summary.evaluate_metrics`` found}, in the same order.
      title, lead: Heading, and a line below it.
      seed: Of the ranks; that of the metrics gives the same calibration.
      focus: {method: the first few events with many more draws}, of the methods with draws of every event.
    Returns: The path of the page, which has everything inside it.
    """
    shown = {label: page.subsample(data) for label, data in runs.items()}
    first = next(iter(shown.values()))
    sections, links = page.draw(plan(shown, metrics, seed, focus), os.path.join(directory, "figures"))
    numbers = table(metrics, list(first.truth), first.units)
    body = f"{sections}<section id=numbers><h2>Metrics</h2>{numbers}</section>"
    links += '<a href="#numbers">Metrics</a>'
    return page.write_page(directory, title, html.escape(lead), links, body)
