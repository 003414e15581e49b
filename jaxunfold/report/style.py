"""The look of all figures, and how they are saved."""

import logging
import os
from typing import NamedTuple

import matplotlib as mpl
import mplhep
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

TRUTH, RECO, UNFOLDED = "#3b3b3b", "#0072b2", "#d55e00"
TRUTH_FILL = "#d9d9d9"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#3b3b3b")
MAX_EVENTS, MAX_DRAWS = 20_000, 100

SETTINGS = {
    "font.family": "sans-serif", "font.sans-serif": ["TeX Gyre Heros", "DejaVu Sans"],
    "mathtext.fontset": "dejavusans", "font.size": 11,
    "axes.labelsize": 12, "axes.labelpad": 2, "axes.autolimit_mode": "data",
    "axes.titlesize": 11, "legend.fontsize": 9.5, "legend.frameon": False,
    "xtick.labelsize": 10, "ytick.labelsize": 10, "axes.linewidth": 0.9, "lines.linewidth": 1.5,
    "xtick.major.size": 5, "xtick.minor.size": 2.5, "ytick.major.size": 5, "ytick.minor.size": 2.5,
    "axes.formatter.use_mathtext": True, "axes.formatter.limits": (-4, 5),
    "pdf.fonttype": 42, "axes.unicode_minus": True,
    "xtick.minor.visible": False, "ytick.minor.visible": False,
}  # fmt: skip


class Plot(NamedTuple):
    """A saved figure: the file name without its suffix, a heading and a caption (HTML)."""

    name: str
    heading: str
    caption: str


def context():
    """Context in which figures are made and drawn: mplhep's ATLAS style at the size of a page."""
    # a font that is not installed falls back to the next one, which needs no message per glyph
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    allowed = {key: value for key, value in mplhep.style.ATLAS.items() if not key.startswith("figure.")}
    return mpl.rc_context({**allowed, **SETTINGS})


def new_figure(width: float | int, height: float | int) -> Figure:
    """An empty figure of width x height inches that needs no window and leaves no global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, directory: str, name: str) -> None:
    """Write DIRECTORY/NAME.png and DIRECTORY/NAME.pdf."""
    os.makedirs(directory, exist_ok=True)
    figure.savefig(os.path.join(directory, name + ".png"), dpi=120)
    # the layout found for the PNG serves the PDF; finding it takes most of the time
    figure.set_layout_engine("none")
    figure.savefig(os.path.join(directory, name + ".pdf"), metadata={"CreationDate": None})
