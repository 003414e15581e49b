"""The report at a glance: what the detector blurs most, unfolded, beside the calibration of everything."""

import numpy as np

from jaxunfold.metrics.compared import Compared
from jaxunfold.report import calibration, posteriors, spectra, style


def headline_figure(data: Compared, ranks: dict[str, np.ndarray]):
    """Left: a spectrum of truth, reco and unfolded with its ratio; right: calibration deviations."""
    name = posteriors.chosen_observables(data)[-1 if data.resonances else 0]
    figure = style.new_figure(11, 4.8)
    grid = figure.add_gridspec(2, 2, height_ratios=(3, 1))
    upper = figure.add_subplot(grid[0, 0])
    lower = figure.add_subplot(grid[1, 0], sharex=upper)
    spectra.draw_spectrum(upper, lower, data, name, peak=bool(data.resonances))
    upper.legend(loc="upper right")
    right = figure.add_subplot(grid[:, 1])
    calibration.draw_deviations(right, data, ranks)
    figure.legend(*right.get_legend_handles_labels(), loc="outside right center", fontsize=9)
    return figure
