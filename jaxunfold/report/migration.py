"""Event-wise residuals and migration matrices (thesis App. A.1)."""

import mplhep
import numpy as np

from jaxunfold.metrics.compared import Compared
from jaxunfold.report import labels, style
from jaxunfold.report.posteriors import chosen_observables
from jaxunfold.report.spectra import spectrum, view_range


def is_relative(data: Compared, name: str) -> bool:
    """Whether the residual is divided by the truth: momenta and masses, not angles or a table's columns."""
    return not data.is_table and not name.startswith("eta_")


def residual_label(data: Compared, name: str) -> str:
    symbol = labels.tex(name)
    if is_relative(data, name):
        return f"$\\Delta${symbol} / truth [%]"
    unit = data.units.get(name, "")
    return f"$\\Delta${symbol}" + (f" [{unit}]" if unit else "")


def residuals_figure(data: Compared):
    """Event by event: measured minus truth and draw minus truth, for every observable."""
    names = list(data.truth)
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    figure = style.new_figure(2.9 * columns, 2.4 * rows + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for ax, name in zip(axes, names):
        truth = data.truth[name]
        scale = np.maximum(np.abs(truth), 1e-9) / 100 if is_relative(data, name) else np.ones_like(truth)
        drawn = (data.draws[name] - truth[:, None]) / scale[:, None]
        measured = (data.reco[name] - truth) / scale if name in data.reco else None
        seen = [r for r in (drawn, measured) if r is not None and np.isfinite(r).any()]
        widths = [0.5 * np.subtract(*np.nanquantile(r, [0.84, 0.16])) for r in seen]
        half = min(max(4 * max(widths), 1e-6), 150 if is_relative(data, name) else np.inf)
        edges = np.linspace(-half, half, 61)
        if measured is not None:
            reco = spectrum(measured, data.weight, edges)
            mplhep.histplot(reco.values, edges, ax=ax, yerr=False, color=style.RECO, ls="--", label="reco $-$ truth")
        unfolded = spectrum(drawn, data.draw_weight, edges)
        mplhep.histplot(unfolded.values, edges, ax=ax, yerr=False, color=style.UNFOLDED, label="unfolded $-$ truth")
        ax.axvline(0, color=style.TRUTH, lw=0.6)
        ax.set(xlim=(-half, half), xlabel=residual_label(data, name))
        ax.set_ylim(bottom=0)
        ax.set_yticks([])
        ax.locator_params(axis="x", nbins=5)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def migration_matrix(truth, other, weight, edges) -> np.ndarray:
    """Probability of each bin of ``other`` for events of each truth bin, [truth, other]; empty rows are NaN.

    Args:
      truth: [n]; other: [n] or [n, k] with weight of the same shape; what is outside counts in the norm.
    """
    t = np.broadcast_to(truth.reshape(len(truth), *(1,) * (other.ndim - 1)), other.shape).reshape(-1)
    o, w = other.reshape(-1), weight.reshape(-1)
    there = np.isfinite(o)
    counts, _, _ = np.histogram2d(t[there], o[there], (edges, edges), weights=w[there])
    total, _ = np.histogram(t[there], edges, weights=w[there])
    return counts / np.where(total > 0, total, np.nan)[:, None]


def migration_figure(data: Compared, bins: int = 30):
    """Truth against reco (top) and against the draws (bottom), each truth bin normalised to one."""
    names = chosen_observables(data)
    levels = [("unfolded", data.draws, data.draw_weight)]
    if data.reco:
        names = [name for name in names if name in data.reco] or names
        levels.insert(0, ("reco", data.reco, data.weight))
    figure = style.new_figure(3.2 * len(names) + 0.5, 3.1 * len(levels) + 0.2)
    axes = figure.subplots(len(levels), len(names), squeeze=False)
    for column, name in enumerate(names):
        peak = name.startswith("m_")
        edges = np.linspace(*view_range(data, name, peak), bins + 1)
        for row, (level, values, weight) in enumerate(levels):
            if name not in values:
                axes[row, column].set_visible(False)
                continue
            ax = axes[row, column]
            matrix = migration_matrix(data.truth[name], values[name], weight, edges)
            # zero stays white, so that what never happens looks like it
            mesh = ax.pcolormesh(
                edges,
                edges,
                np.ma.masked_where(~(matrix > 0), matrix).T,
                cmap="magma_r",
                vmin=0,
                rasterized=True,
            )
            ax.plot(edges[[0, -1]], edges[[0, -1]], color="white", lw=1.6)
            ax.plot(edges[[0, -1]], edges[[0, -1]], color=style.TRUTH, lw=0.6)
            ax.set(
                xlabel="truth " + labels.tex(name, data.units.get(name, "")),
                aspect="equal",
                xlim=edges[[0, -1]],
                ylim=edges[[0, -1]],
            )
            ax.set_ylabel(f"{level} " + labels.tex(name), labelpad=1)
            ax.locator_params(nbins=5)
            ax.minorticks_off()
            ax.tick_params(direction="out", top=False, right=False)
            figure.colorbar(mesh, ax=ax, shrink=0.75, pad=0.02)
    return figure
