"""Spectra in parts of phase space: each part against its own truth, and all of them together."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.lines import Line2D

from jaxunfold.metrics.compared import Compared
from jaxunfold.report import labels, style
from jaxunfold.report.spectra import RATIO, spectra_figure, spectrum, spectrum_edges


def is_peak(name: str) -> bool:
    return name.startswith("m_")


def region_figure(data: Compared, names: Sequence[str]):
    """Spectra of one region with what was measured, as in the report."""
    return spectra_figure(data, [(name, name.startswith("pt_"), is_peak(name)) for name in names])


def overview_figure(parts: Mapping[str, Compared], names: Sequence[str]):
    """Truth and unfolded events of every region in one panel for each observable, and their ratio."""
    rows = -(-len(names) // 2)
    figure = style.new_figure(10, 4.1 * rows)
    grid = figure.add_gridspec(2 * rows, min(2, len(names)), height_ratios=[2.6, 1] * rows)
    everything = next(iter(parts.values()))
    for i, name in enumerate(names):
        row, column = divmod(i, 2)
        upper = figure.add_subplot(grid[2 * row, column])
        lower = figure.add_subplot(grid[2 * row + 1, column], sharex=upper)
        top = 0.0
        for (label, data), colour in zip(parts.items(), (style.TRUTH, *style.SERIES)):
            edges = spectrum_edges(data, name, is_peak(name))
            truth = spectrum(data.truth[name], data.weight, edges)
            found = spectrum(data.draws[name], data.draw_weight, edges)
            upper.stairs(truth.values, edges, color=colour, ls="--", lw=1.0)
            upper.stairs(found.values, edges, color=colour, label=label, lw=1.4)
            safe = np.where(truth.values > 0, truth.values, np.nan)
            lower.stairs(found.values / safe, edges, baseline=None, color=colour, lw=1.2)
            top = max(top, truth.values.max(), found.values.max())
        unit = everything.units.get(name, "")
        upper.set(ylim=(0, 1.3 * top), ylabel=f"density [1/{unit}]" if unit else "density")
        edges = spectrum_edges(everything, name, is_peak(name))
        upper.set_xlim(edges[0], edges[-1])
        lower.axhline(1, color=style.TRUTH, lw=0.8)
        lower.set_ylim(*RATIO)
        lower.set_ylabel("ratio to truth", fontsize=9.5)
        lower.set_xlabel(labels.tex(name, unit))
        upper.tick_params(labelbottom=False)
    handles, names_of = upper.get_legend_handles_labels()
    handles += [Line2D([], [], color=style.TRUTH, ls=line, lw=1.2) for line in ("--", "-")]
    figure.legend(handles, [*names_of, "truth", "unfolded"], loc="outside upper center", ncols=len(parts) + 2)
    return figure
