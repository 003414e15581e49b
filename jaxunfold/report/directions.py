"""Both directions of an invertible method: reco from truth, and truth from reco (thesis Fig. 2.12)."""

import numpy as np

from jaxunfold.metrics.compared import Compared
from jaxunfold.report import labels, posteriors, spectra, style

RATIO = (0.5, 1.5)


def chosen_panels(data: Compared) -> list[tuple[str, bool]]:
    """(observable, zoomed on its peak): pT of the leaves and the mass of what the detector blurs most, or columns."""
    if not data.resonances:
        return [(name, False) for name in data.smeared][:4]
    node = posteriors.most_blurred(data)
    leaves = [(f"pt_{leaf}", False) for leaf in data.resonances[node]]
    return [panel for panel in (*leaves, (f"m_{node}", True)) if panel[0] in data.smeared]


def draw_directions(upper, lower, data: Compared, name: str, peak: bool) -> None:
    """Truth and reco dashed, unfolded and smeared solid; below the ratio of solid to dashed."""
    edges = spectra.spectrum_edges(data, name, peak)
    share = np.broadcast_to(data.weight[:, None] / data.smeared[name].shape[1], data.smeared[name].shape)
    sides = (
        ("reco", "truth \u2192 reco", style.RECO, data.reco[name], data.smeared[name], share),
        ("truth", "reco \u2192 truth", style.UNFOLDED, data.truth[name], data.draws[name], data.draw_weight),
    )
    top = 0.0
    for simulated, made, colour, events, draws, draw_weight in sides:
        known = spectra.spectrum(events, data.weight, edges)
        found = spectra.spectrum(draws, draw_weight, edges)
        upper.stairs(known.values, edges, baseline=None, color=colour, ls="--", lw=1.1, label=simulated)
        upper.stairs(found.values, edges, baseline=None, color=colour, lw=1.5, label=made)
        # bins at the edge of what is simulated say nothing
        enough = known.values > 2 * known.error
        safe = np.where(enough, known.values, np.nan)
        ratio = found.values / safe
        error = ratio * np.hypot(known.error / safe, found.error / np.where(found.values > 0, found.values, np.nan))
        lower.stairs(ratio + error, edges, baseline=ratio - error, fill=True, color=colour, alpha=0.25, lw=0)
        lower.stairs(ratio, edges, baseline=None, color=colour, lw=1.3)
        top = max(top, known.values.max(), found.values.max())
    unit = data.units.get(name, "")
    lower.axhline(1, color=style.TRUTH, lw=0.8)
    lower.set(ylim=RATIO, xlabel=labels.tex(name, unit))
    lower.set_ylabel("ratio", fontsize=10)
    upper.set_ylim(0, 1.1 * top)
    upper.set_ylabel(f"density [1/{unit}]" if unit else "density")
    upper.tick_params(labelbottom=False)
    for axes in (upper, lower):
        axes.set_xlim(edges[0], edges[-1])


def directions_figure(data: Compared):
    """One column per observable."""
    panels = chosen_panels(data)
    figure = style.new_figure(4.0 * len(panels), 4.8)
    grid = figure.add_gridspec(2, len(panels), height_ratios=[2.4, 1])
    for i, panel in enumerate(panels):
        upper, lower = figure.add_subplot(grid[0, i]), figure.add_subplot(grid[1, i])
        draw_directions(upper, lower, data, *panel)
    figure.legend(*upper.get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=10)
    return figure
