"""Six panels of spectra, truth and what generators made of it, as densities."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from jaxunfold.report import style


def draw(
    shown: Mapping[str, Mapping[str, np.ndarray]],
    quantities: Mapping[str, tuple[str, np.ndarray]],
    path: Path,
    logarithmic: Collection[str] = (),
) -> None:
    """Write the figure.

    Args:
      shown: {sample: {quantity: values [n]}}, truth first. quantities: {quantity: (label, edges)}, six of them.
      logarithmic: Quantities whose density is on a logarithmic axis.
    """
    with style.context():
        plot = style.new_figure(12, 6.5)
        for axes, (name, (label, edges)) in zip(plot.subplots(2, 3).ravel(), quantities.items()):
            for (kind, x), colour in zip(shown.items(), (style.TRUTH, style.RECO, style.UNFOLDED)):
                density = np.histogram(x[name], edges)[0] / len(x[name]) / np.diff(edges)
                axes.stairs(density, edges, label=kind, color=colour, lw=1.3, baseline=None)
            axes.set(xlabel=label, ylabel="density", xlim=(edges[0], edges[-1]))
            if name in logarithmic:
                axes.set_yscale("log")
        plot.axes[0].legend(fontsize=9)
        plot.savefig(path, dpi=110)
