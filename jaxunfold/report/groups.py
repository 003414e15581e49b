"""Figures in classes of events: stacked spectra, spectra and calibration of each (thesis Figs. 2.15 to 2.19)."""

from collections.abc import Mapping

import mplhep
import numpy as np

from jaxunfold.metrics.compared import Compared
from jaxunfold.metrics.groups import restrict
from jaxunfold.report import calibration, labels, posteriors, spectra, style


def shown(data: Compared) -> list[str]:
    """pT of the leaves and mass of the resonance that the detector blurs most, then the other masses."""
    if not data.resonances:
        return list(data.truth)[:4]
    name = posteriors.most_blurred(data)
    leaves = [f"pt_{leaf}" for leaf in data.resonances[name] if leaf in data.truth_names]
    return [*leaves, f"m_{name}", *(f"m_{other}" for other in data.resonances if other != name)]


def label_tex(label: str) -> str:
    """A class on a figure: "n_jets=2" is 2 jets, "n_jets>=4" at least 4; others as they are."""
    for sign, word in ((">=", r"$\geq$ "), ("=", "")):
        name, found, value = label.partition(sign)
        if found and name.startswith("n_"):
            return f"{word}{value} {name[2:]}"
    return label


def stacked_figure(data: Compared, members: Mapping[str, np.ndarray]):
    """Spectra stacked by class: truth filled, unfolded as lines, with the ratio of the whole (thesis Fig. 2.19)."""
    names = shown(data)[:4]
    figure = style.new_figure(10, 4.1 * -(-len(names) // 2))
    rows = -(-len(names) // 2)
    grid = figure.add_gridspec(2 * rows, 2, height_ratios=[2.6, 1] * rows)
    total = data.weight.sum()
    for i, name in enumerate(names):
        row, column = divmod(i, 2)
        upper, lower = (figure.add_subplot(grid[2 * row + k, column]) for k in (0, 1))
        edges = spectra.spectrum_edges(data, name, peak=name.startswith("m_"))
        truth, unfolded = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
        for k, (label, rows_of) in enumerate(members.items()):
            part = restrict(data, rows_of)
            share = part.weight.sum() / total
            colour = style.SERIES[k % len(style.SERIES)]
            base = truth
            truth = truth + share * spectra.spectrum(part.truth[name], part.weight, edges).values
            unfolded = unfolded + share * spectra.spectrum(part.draws[name], part.draw_weight, edges).values
            upper.stairs(truth, edges, baseline=base, fill=True, color=colour, alpha=0.35, lw=0,
                         label=f"truth, {label_tex(label)}")  # fmt: skip
            line = "unfolded, stacked alike" if k == len(members) - 1 else None
            mplhep.histplot(unfolded, edges, ax=upper, color=colour, yerr=False, lw=1.4, label=line)
        _finish(upper, lower, data, name, edges, truth, unfolded)
        if i == 0:
            upper.legend(loc="upper right", fontsize=9)
    return figure


def _finish(upper, lower, data, name, edges, truth, unfolded):
    """The ratio of the stacked sums, and what every pair of axes has."""
    safe = np.where(truth > 0, truth, np.nan)
    error = spectra.spectrum(data.truth[name], data.weight, edges).error / safe
    lower.stairs(np.nan_to_num(1 + error, nan=1.0), edges, baseline=np.nan_to_num(1 - error, nan=1.0), fill=True,
                 color=style.TRUTH_FILL)  # fmt: skip
    lower.stairs(unfolded / safe, edges, baseline=None, color=style.UNFOLDED, lw=1.3)
    lower.axhline(1, color=style.TRUTH, lw=0.8)
    unit = data.units.get(name, "")
    upper.set(ylabel=f"density [1/{unit}]" if unit else "density", ylim=(0, 1.35 * max(truth.max(), unfolded.max())))
    lower.set(xlabel=labels.tex(name, unit), ylim=spectra.RATIO)
    lower.set_ylabel("ratio to truth", fontsize=9.5)
    for axes in (upper, lower):
        axes.set_xlim(edges[0], edges[-1])
    upper.tick_params(labelbottom=False)


def spectra_figure(data: Compared, rows: np.ndarray):
    """Spectra of one class with ratio panels (thesis Figs. 2.15, right, and 2.17)."""
    names = shown(data)[:4]
    return spectra.spectra_figure(restrict(data, rows), [(name, False, name.startswith("m_")) for name in names])


def calibration_figure(data: Compared, members: Mapping[str, np.ndarray], ranks: Mapping[str, np.ndarray]):
    """Distance of the calibration curves from the diagonal, one panel for each class, with the class's own bands."""
    names = shown(data)
    figure = style.new_figure(3.6 * len(members), 3.8)
    panels = figure.subplots(1, len(members), sharex=True, squeeze=False)[0]
    for ax, (label, rows) in zip(panels, members.items()):
        part = restrict(data, rows)
        calibration.draw_deviations(ax, part, {name: ranks[name][rows] for name in names})
        ax.set_title(f"{label_tex(label)}, {np.count_nonzero(rows):,} events")
        if ax is not panels[0]:
            ax.set_ylabel("")
    widest = max(ax.get_ylim()[1] for ax in panels)
    for ax in panels:
        ax.set_ylim(-widest, widest)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=9)
    return figure
