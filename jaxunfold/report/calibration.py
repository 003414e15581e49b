"""Calibration curves with their binomial band (thesis Fig. 2.16, right)."""

import numpy as np

from jaxunfold.metrics.calibration import binomial_band, calibration_curve, max_deviation
from jaxunfold.metrics.compared import Compared
from jaxunfold.metrics.summary import draw_ranks
from jaxunfold.report import labels, style

LEVELS = np.linspace(0, 1, 201)


def all_ranks(data: Compared, seed: int = 0) -> dict[str, np.ndarray]:
    """Randomised ranks of every observable, those of ``evaluate_metrics`` with the same seed."""
    return {name: draw_ranks(data, name, seed) for name in data.truth}


def _line(i: int) -> dict[str, str]:
    count = len(style.SERIES)
    return {"color": style.SERIES[i % count], "ls": ("-", "--", ":", "-.")[i // count % 4]}


def draw_deviations(ax, data: Compared, ranks: dict[str, np.ndarray]) -> None:
    """Distance of every calibration curve from the diagonal, over the bands of one and two sigma."""
    band = binomial_band(LEVELS, data.weight)
    largest = 3.2 * band.max()
    for i, (name, r) in enumerate(ranks.items()):
        difference = calibration_curve(r, LEVELS, data.weight) - LEVELS
        ax.plot(LEVELS, difference, lw=1.2, label=labels.tex(name), **_line(i))
        largest = max(largest, 1.1 * np.abs(difference).max())
    for k, alpha in ((2, 0.18), (1, 0.3)):
        ax.fill_between(LEVELS, -k * band, k * band, color=style.TRUTH, alpha=alpha, lw=0, zorder=0)
    ax.axhline(0, color=style.TRUTH, lw=0.8)
    ax.set(xlabel="quantile of the posterior", ylabel="fraction $-$ quantile")
    ax.set(xlim=(0, 1), ylim=(-largest, largest))


def curves_figure(data: Compared, ranks: dict[str, np.ndarray]):
    """All calibration curves over each other, and their distance from the diagonal."""
    figure = style.new_figure(10, 4.8)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=style.TRUTH, lw=0.8)
    for i, r in enumerate(ranks.values()):
        left.plot(LEVELS, calibration_curve(r, LEVELS, data.weight), lw=1.2, **_line(i))
    left.set(xlabel="quantile of the posterior", ylabel="fraction of events with the truth below it")
    left.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    draw_deviations(right, data, ranks)
    figure.legend(*right.get_legend_handles_labels(), loc="outside right center", fontsize=9)
    return figure


def deviations_figure(data: Compared, ranks: dict[str, np.ndarray]):
    """Distance from the diagonal, one panel per observable, with the bands of one and two sigma."""
    columns = min(4, len(ranks))
    rows = -(-len(ranks) // columns)
    figure = style.new_figure(2.8 * columns, 2.1 * rows + 0.3)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).reshape(-1)
    band = binomial_band(LEVELS, data.weight)
    largest = 3.6 * band.max()
    for ax, (name, r) in zip(axes, ranks.items()):
        difference = calibration_curve(r, LEVELS, data.weight) - LEVELS
        deviation = max_deviation(r, data.weight[:, None])[0]
        largest = max(largest, 1.35 * deviation)
        for k, alpha in ((2, 0.18), (1, 0.3)):
            ax.fill_between(LEVELS, -k * band, k * band, color=style.TRUTH, alpha=alpha, lw=0)
        ax.axhline(0, color=style.TRUTH, lw=0.6)
        ax.plot(LEVELS, difference, color=style.UNFOLDED, lw=1.4)
        ax.text(0.04, 0.95, labels.tex(name), transform=ax.transAxes, va="top")
        ax.text(0.96, 0.95, f"max {deviation:.3f}", transform=ax.transAxes, va="top", ha="right", fontsize=9)
    axes[0].set(xlim=(0, 1), ylim=(-largest, largest))
    axes[0].set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    for ax in axes[len(ranks) :]:
        ax.set_visible(False)
    figure.supxlabel("quantile of the posterior", fontsize=11)
    figure.supylabel("fraction of events $-$ quantile", fontsize=11)
    return figure
