"""Figures of a density of the plane with the spread of many networks: along lines across it, and in marginal bins."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jaxunfold.metrics.fit_like import Fit
from jaxunfold.report import style


class Lines(NamedTuple):
    """u, truth: [n], along every line. density, spread: mean and sigma_pred over the networks, [lines, n]."""

    u: np.ndarray
    truth: np.ndarray
    density: np.ndarray
    spread: np.ndarray


class Marginal(NamedTuple):
    """edges: [b + 1]. truth, density: [b]. own, same: spread of each network's own points, of shared ones, [b]."""

    edges: np.ndarray
    truth: np.ndarray
    density: np.ndarray
    own: np.ndarray
    same: np.ndarray


def lines(found: Lines, fit: Fit, across: str):
    """Density with its band, relative and absolute uncertainty: thesis Figs. 3.2, 3.4, 3.6."""
    figure = style.new_figure(12, 4)
    left, middle, right = figure.subplots(1, 3)
    density, spread = found.density.mean(0), found.spread.mean(0)
    left.fill_between(found.u, density - spread, density + spread, color=style.RECO, alpha=0.3, lw=0)
    left.plot(found.u, density, color=style.RECO, label=r"$p \pm \sigma_{\mathrm{pred}}$")
    left.plot(found.u, found.truth, "--", color=style.TRUTH, label="truth")
    left.set(ylabel="density")
    for ax, scale, name in ((middle, found.density, "/ p"), (right, np.ones_like(found.density), "")):
        each = found.spread / scale
        mean, width = each.mean(0), each.std(0, ddof=1)
        ax.fill_between(found.u, mean - width, mean + width, color=style.RECO, alpha=0.3, lw=0)
        ax.plot(found.u, mean, color=style.RECO, label="networks")
        curve = fit.curve / (found.truth if name else 1)
        words = ", ".join(f"{LATEX.get(k, k)} = {v:.2g}" for k, v in fit.widths.items() if v > 0)
        ax.plot(found.u, curve, "--", color=style.SERIES[2], label=f"fit: {words}")
        ax.set(ylabel=rf"$\sigma_{{\mathrm{{pred}}}}${name and ' ' + name}")
        ax.set_ylim(0, 1.4 * np.quantile(mean + width, 0.97))
    for ax in (left, middle, right):
        ax.set(xlabel=f"${across}$", xlim=(found.u[0], found.u[-1]))
    left.legend(loc="best")
    right.legend(loc="upper center", fontsize=8.5)
    return figure


LATEX = {
    "a": r"$\Delta a$", "x_min": r"$\Delta x_\mathrm{min}$", "x_max": r"$\Delta x_\mathrm{max}$",
    "x_0": r"$\Delta x_0$", "mu": r"$\Delta\mu$", "w": r"$\Delta w$",
}  # fmt: skip


def marginals(sides: Mapping[str, Marginal]):
    """Density and absolute uncertainty in bins of x and of y: thesis Fig. 3.8."""
    figure = style.new_figure(10, 6)
    axes = figure.subplots(2, len(sides), sharex="col", gridspec_kw={"height_ratios": [1.4, 1]})
    for (upper, lower), (name, m) in zip(axes.T, sides.items(), strict=True):
        upper.stairs(m.truth, m.edges, color=style.TRUTH_FILL, fill=True, label="truth")
        upper.stairs(m.density + m.own, m.edges, baseline=m.density - m.own, color=style.RECO, alpha=0.3, fill=True)
        upper.stairs(m.density, m.edges, color=style.RECO, label=r"networks $\pm\,\sigma_{\mathrm{pred}}$")
        upper.set(ylabel="density", ylim=(0, 1.35 * max(m.truth.max(), (m.density + m.own).max())))
        lower.stairs(m.own, m.edges, baseline=None, color=style.RECO, label="each network's own points")
        lower.stairs(m.same, m.edges, baseline=None, color=style.UNFOLDED, ls="--", label="the same points for all")
        lower.set(ylabel=r"$\sigma_{\mathrm{pred}}$", xlabel=f"${name}$", xlim=(m.edges[0], m.edges[-1]))
        lower.set_ylim(0, 1.5 * np.quantile(m.own, 0.97))
    axes[0, 0].legend(loc="upper left")
    axes[1, 0].legend(loc="upper left")
    return figure
