"""Posteriors of single events, with the truth marked (thesis Fig. 2.16, left)."""

import mplhep
import numpy as np

from jaxunfold.metrics.compared import Compared
from jaxunfold.report import labels, style


def most_blurred(data: Compared) -> str:
    """The resonance whose mass the detector blurs most."""

    def blur(name):
        off = np.abs(data.reco.get(f"m_{name}", np.nan) - data.truth[f"m_{name}"])
        return np.median(off[np.isfinite(off)]) if np.isfinite(off).any() else 0.0

    return max(data.resonances, key=blur)


def chosen_observables(data: Compared, count: int = 4) -> list[str]:
    """A few observables of the resonance that the detector blurs most, or a table's first columns."""
    if not data.resonances:
        return list(data.truth)[:count]
    name = most_blurred(data)
    leaf = next((x for x in data.resonances[name] if x in data.truth_names), data.truth_names[-1])
    return [f"pt_{leaf}", f"eta_{leaf}", f"pt_{name}", f"m_{name}"][:count]


def posteriors_figure(data: Compared, events: int = 4):
    """Draws of the first few events (rows) in a few observables (columns), with truth and measured value."""
    names = chosen_observables(data)
    events = min(events, len(data.weight))
    figure = style.new_figure(11, 2.3 * events + 0.4)
    axes = figure.subplots(events, len(names), squeeze=False)
    for column, name in enumerate(names):
        for row in range(events):
            draw_posterior(axes[row, column], data, name, row)
        axes[-1, column].set_xlabel(labels.tex(name, data.units.get(name, "")))
    for row in range(events):
        axes[row, 0].set_ylabel(f"event {row + 1}")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3)
    return figure


def draw_posterior(ax, data: Compared, name: str, event: int) -> None:
    """Weighted histogram of one event's draws, the truth as a line, the measured value dashed."""
    draws, weight = data.draws[name][event], np.abs(data.draw_weight[event])
    truth = data.truth[name][event]
    measured = data.reco[name][event] if name in data.reco else np.nan
    low, high = np.quantile(draws, [0.005, 0.995])
    low, high = min(low, truth), max(high, truth)
    margin = 0.12 * (high - low) + 1e-9
    bins = int(np.clip(1.6 * len(draws) ** 0.5, 10, 40))
    edges = np.linspace(low - margin, high + margin, bins + 1)
    counts, _ = np.histogram(draws, edges, weights=weight)
    ax.stairs(counts, edges, fill=True, color=style.UNFOLDED, alpha=0.25, lw=0)
    mplhep.histplot(counts, edges, ax=ax, yerr=False, color=style.UNFOLDED, lw=1.2, label="posterior draws")
    ax.axvline(truth, color=style.TRUTH, lw=2, label="truth")
    if np.isfinite(measured):
        ax.axvline(measured, color=style.RECO, ls="--", lw=1.5, label="reco")
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, 1.15 * max(counts.max(), 1e-30))
    ax.set_yticks([])
    ax.locator_params(axis="x", nbins=4)
