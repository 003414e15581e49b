"""Figures of benchmarks/w_3jets.py: each jet's px-py plane, and spectra with their ratio to the truth."""

import json
from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from seeds import cell

from jaxunfold.report import style

NAMES = {
    "truth": "truth, training events", "baseline": "baseline flow", "weights": "refined: weights",
    "resampling": "refined: resampling", "hmc": "refined: HMC", "refiner": "refined: spline flow",
    "above": "flow in log($p_T$ - 25)",
}  # fmt: skip
PLANES, CURVES = (
    ("truth", "baseline", "resampling", "hmc", "refiner", "above"),
    ("baseline", "weights", "hmc", "above"),
)
REACH, BINS = 60.0, 60
SHOWN = ("pt_j1", "pt_j3", "px_j3", "pt_W+", "pz_j1", "m_jj", "dr_23")


def spectra(p: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{axis label: (values, bin edges)} of events [n, 4, 4]."""
    pt = np.hypot(p[..., 1], p[..., 2])
    eta, phi = np.arcsinh(p[..., 3] / pt), np.arctan2(p[..., 2], p[..., 1])
    pair = p[:, 1] + p[:, 2]
    mass = np.sqrt(np.maximum(pair[:, 0] ** 2 - (pair[:, 1:] ** 2).sum(-1), 0))
    turn = np.abs(np.angle(np.exp(1j * (phi[:, 2] - phi[:, 3]))))
    return {
        "$p_{T,j_1}$ [GeV]": (pt[:, 1], np.linspace(0, 300, 61)),
        "$p_{T,j_3}$ [GeV]": (pt[:, 3], np.linspace(0, 100, 41)),
        "$p_{x,j_3}$ [GeV]": (p[:, 3, 1], np.linspace(-80, 80, 65)),
        "$p_{T,W}$ [GeV]": (pt[:, 0], np.linspace(0, 300, 51)),
        "$m_{jj}$ [GeV]": (mass, np.linspace(0, 500, 51)),
        "$\\Delta R_{j_2 j_3}$": (np.hypot(eta[:, 2] - eta[:, 3], turn), np.linspace(0, 6, 49)),
    }


def draw_figures(shown: dict, truth: np.ndarray, out: Path) -> None:
    """Both figures. Args: shown: {row: (events, weights)}. truth: Events to compare with. out: Folder."""
    shown = {"truth": (truth, np.ones(len(truth)))} | shown
    with style.context():
        planes([name for name in PLANES if name in shown], shown, out)
        curves([name for name in CURVES if name in shown], shown, truth, out)


def planes(names, shown, out) -> None:
    """Density of each jet in its transverse plane; the circle is the cut."""
    figure = style.new_figure(2.05 * len(names), 6.2)
    axes = figure.subplots(3, len(names), sharex=True, sharey=True)
    around, edges = np.linspace(0, 2 * np.pi, 200), np.linspace(-REACH, REACH, BINS + 1)
    for column, name in enumerate(names):
        events, weight = shown[name]
        for row, ax in enumerate(axes[:, column]):
            px, py = events[:, row + 1, 1], events[:, row + 1, 2]
            counts, *_ = np.histogram2d(px, py, [edges, edges], weights=weight / weight.sum())
            ax.pcolormesh(
                edges, edges, np.ma.masked_equal(counts.T, 0) * BINS**2, norm=LogNorm(3e-3, 10), rasterized=True
            )
            ax.plot(25 * np.cos(around), 25 * np.sin(around), color="white", lw=0.7)
            ax.set_aspect("equal")
        axes[0, column].set_title(NAMES[name].replace(": ", ":\n").replace(", ", ",\n"), fontsize=9)
        axes[-1, column].set_xlabel("$p_x$ [GeV]")
    for row in range(3):
        axes[row, 0].set_ylabel(f"$p_{{y, j_{row + 1}}}$ [GeV]")
    style.save(figure, str(out), "w_3jets_planes")


def curves(names, shown, truth, out) -> None:
    """Densities above, ratios to the truth below with the band of its statistical error."""
    reference = spectra(truth)
    figure = style.new_figure(10.5, 7.4)
    axes = figure.subplots(4, 3, height_ratios=(3, 1.1, 3, 1.1))
    for place, (label, (values, edges)) in enumerate(reference.items()):
        upper, lower = axes[2 * (place // 3), place % 3], axes[2 * (place // 3) + 1, place % 3]
        counts, _ = np.histogram(values, edges)
        true, scale = counts / len(values), np.diff(edges)
        upper.stairs(true / scale, edges, fill=True, color=style.TRUTH_FILL, label="truth")
        safe = np.where(counts > 0, true, np.nan)
        error = np.where(counts > 0, 1 / np.sqrt(np.maximum(counts, 1)), np.nan)
        lower.stairs(1 + error, edges, baseline=1 - error, fill=True, color=style.TRUTH_FILL)
        for color, name in zip(style.SERIES, names):
            events, weight = shown[name]
            found, _ = np.histogram(spectra(events)[label][0], edges, weights=weight / weight.sum())
            upper.stairs(found / scale, edges, color=color, label=NAMES[name], lw=1.2)
            lower.stairs(found / safe, edges, color=color, lw=1.0)
        upper.set(yscale="log", xlim=(edges[0], edges[-1]), xticklabels=[])
        top = (true / scale).max()
        upper.set_ylim(1e-3 * top, 4 * top)
        lower.set(ylim=(0.5, 1.5), xlim=(edges[0], edges[-1]), xlabel=label)
        if place % 3 == 0:
            upper.set_ylabel("density")
            lower.set_ylabel("ratio")
    axes[0, 0].legend(fontsize=7.5, loc="upper right")
    style.save(figure, str(out), "w_3jets_spectra")


def table(folder: Path) -> str:
    """Jets below the cut, AUC and distances of every row, over the seeds there are."""
    found: dict = {}
    for path in sorted(folder.glob("w_3jets-*.json")):
        for name, row in json.loads(path.read_text()).items():
            found.setdefault(name, []).append(row)
    heads = ("jets below 24 GeV", "below 25 GeV", "out of order", "AUC", "mean KS", *(f"KS {name}" for name in SHOWN))
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for name in (name for name in NAMES if name in found):
        rows = found[name]
        cells = [cell([100 * row["below"][limit] for row in rows], "{:.3f} %") for limit in ("24.0", "25.0")]
        cells.append(cell([100 * row["out_of_order"] for row in rows], "{:.2f} %"))
        cells += [cell([row[key] for row in rows], "{:.3f}") for key in ("auc", "ks_mean")]
        cells += [cell([row["ks"][key] for row in rows], "{:.3f}") for key in SHOWN]
        lines.append(f"| {NAMES[name]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
