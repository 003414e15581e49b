"""Two-dimensional correlations, their relative deviation, and slices (thesis Fig. 2.9)."""

import mplhep
import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm

from jaxunfold.metrics.compared import Compared
from jaxunfold.metrics.quantiles import weighted_quantile
from jaxunfold.report import labels, style
from jaxunfold.report.posteriors import most_blurred
from jaxunfold.report.spectra import spectrum, view_range

BINS = 30
MIN_EVENTS = 10


def chosen_pairs(data: Compared) -> list[tuple[str, str]]:
    """Pairs to show: both leaves of the most blurred resonance, and its pT against its leaf's; or columns."""
    if not data.resonances:
        names = list(data.truth)
        return list(zip(names[:-1:2], names[1::2]))[:2]
    name = most_blurred(data)
    leaves = [x for x in data.resonances[name] if x in data.truth_names]
    pairs = [(f"pt_{name}", f"pt_{leaves[0]}")] if leaves else []
    if len(leaves) > 1:
        pairs += [(f"pt_{leaves[0]}", f"pt_{leaves[1]}"), (f"eta_{leaves[0]}", f"eta_{leaves[1]}")]
    return pairs


def density2d(data: Compared, x: str, y: str, edges) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth and unfolded density over two observables, [bins_x, bins_y], and the truth's number of events."""
    area = np.outer(np.diff(edges[0]), np.diff(edges[1])) * data.weight.sum()
    flat = [data.draws[name].reshape(-1) for name in (x, y)]
    truth, _, _ = np.histogram2d(data.truth[x], data.truth[y], edges, weights=data.weight)
    unfolded, _, _ = np.histogram2d(*flat, edges, weights=data.draw_weight.reshape(-1))
    events, _, _ = np.histogram2d(data.truth[x], data.truth[y], edges)
    return truth / area, unfolded / area, events


def correlation_figure(data: Compared, x: str, y: str):
    """Four panels: truth, unfolded, relative deviation, and y in three slices of x."""
    edges = [np.linspace(*view_range(data, name), BINS + 1) for name in (x, y)]
    truth, unfolded, events = density2d(data, x, y, edges)
    figure = style.new_figure(10, 8)
    ((a, b), (c, d)) = figure.subplots(2, 2)
    top = max(truth.max(), unfolded.max())
    # white is what has less than the weight of one true event
    norm = LogNorm(max(truth[truth > 0].min(), 1e-4 * top), top)
    colours = colormaps["viridis"].with_extremes(under="white")
    for ax, values, title in ((a, truth, "truth"), (b, unfolded, "unfolded")):
        mesh = ax.pcolormesh(*edges, np.ma.masked_less_equal(values, 0).T, norm=norm, cmap=colours, rasterized=True)
        ax.set_title(title)
    figure.colorbar(mesh, ax=[a, b], label="density", pad=0.01)
    # a bin with a handful of events has no deviation worth a colour
    deviation = np.ma.masked_where(events < MIN_EVENTS, unfolded / np.where(truth > 0, truth, 1) - 1)
    mesh = c.pcolormesh(*edges, deviation.T, cmap="RdBu_r", vmin=-0.5, vmax=0.5, rasterized=True)
    c.set_facecolor("#eeeeee")
    c.set_title("(unfolded $-$ truth) / truth")
    figure.colorbar(mesh, ax=c, extend="both", pad=0.01)
    for ax in (a, b, c):
        ax.set(xlabel=labels.tex(x, data.units.get(x, "")), ylabel=labels.tex(y, data.units.get(y, "")))
        ax.set(xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]])
        ax.tick_params(direction="out", top=False, right=False)
    draw_slices(d, data, x, y, edges[1])
    return figure


def draw_slices(ax, data: Compared, x: str, y: str, edges) -> None:
    """Densities of y in three slices of x, each slice between two of its truth quantiles."""
    bounds = weighted_quantile(data.truth[x], np.array([0.05, 0.15, 0.45, 0.55, 0.85, 0.95]), data.weight)
    top = 0.0
    for i, colour in enumerate(style.SERIES[:3]):
        low, high = bounds[2 * i : 2 * i + 2]
        t = (data.truth[x] >= low) & (data.truth[x] < high)
        u = (data.draws[x] >= low) & (data.draws[x] < high)
        if not t.any() or not u.any():
            continue
        true = spectrum(data.truth[y][t], data.weight[t], edges)
        drawn = spectrum(data.draws[y], data.draw_weight * u, edges)
        label = f"{low:.3g} to {high:.3g}"
        ax.stairs(
            true.values + true.error,
            edges,
            baseline=true.values - true.error,
            fill=True,
            color=colour,
            alpha=0.25,
        )
        mplhep.histplot(drawn.values, edges, ax=ax, yerr=False, color=colour, lw=1.5, label=label)
        top = max(top, true.values.max(), drawn.values.max())
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.2 * max(top, 1e-30)))
    ax.set(xlabel=labels.tex(y, data.units.get(y, "")), ylabel="density in the slice")
    ax.set_title("bands: truth, lines: unfolded")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(title="slices of " + labels.tex(x, data.units.get(x, "")), title_fontsize=9.5)
