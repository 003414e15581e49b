"""The table and the figures of benchmarks/laser.py: every row beside the thesis, feature and latent space."""

import json
from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from seeds import cell

from jaxunfold.data.rings import TOYS
from jaxunfold.report import style

THESIS = {
    "baseline": ((0.28, 0.66), (0.23, 0.27), (0.067, 0.21)), "hmc": ((0.22, 0.12), (0.06, 0.07), (0.137, 0.07)),
    "laser": ((0.21, 0.24), (0.09, 0.09), (0.047, 0.08)), "dctr": ((0.09, 0.09), (0.11, 0.05), (0.037, 0.04)),
    "truth": ((0.02, 0.04), (0.02, 0.04), (0.006, 0.02)),
}  # fmt: skip
"""(EMD, JSD) of Gaussians, donut, rings; of the truth: the errors in brackets, which are another sample's scores."""

NAMES = {
    "truth": "truth, another sample", "baseline": "baseline, RealNVP", "dctr": "DCTR, weighted",
    "laser_flow": "LaSeR, spline flow refiner", "laser": "LaSeR, GAN refiner",
    "laser_matching": "LaSeR, flow matching refiner", "rejection": "rejection",
    "baseline_few": "baseline, 200,000 draws", "hmc": "HMC, one chain a draw",
    "hmc_long": "HMC, long chains",
    "hmc_few": "HMC, one chain a draw, 200,000 draws",
    "truth_few": "truth, 200,000 points",
    "hmc_thesis": "HMC as in the thesis, 200,000 draws", "nuts": "NUTS (blackjax), 200,000 draws",
    "langevin": "Langevin with a Metropolis test, 200,000 draws",
    "spline": "spline flow", "matching": "flow matching",
    "mixture": "RealNVP on a mixture", "em": "mixture alone (EM)",
}  # fmt: skip


LATENT_RANGE = 3.5
FIGURE_ROWS = ("baseline", "hmc_few", "laser_flow", "laser", "dctr")


def draw_figure(toy: str, folder: Path, test: np.ndarray, out: Path) -> None:
    """Feature space above, latent space below: Figs. 4.3 to 4.5.

    Args: toy: A key of ``TOYS``. folder: With the draws of each row. test: True points. out: For the figure.
    """
    names = [name for name in FIGURE_ROWS if (folder / f"draws_{name}.npz").exists()]
    reach = TOYS[toy].reach
    with style.context():
        figure = style.new_figure(2.2 * (len(names) + 1), 4.4)
        axes = figure.subplots(2, len(names) + 1)
        for ax in axes.ravel():
            ax.set(xticks=[], yticks=[])
            ax.tick_params(which="both", length=0)
        truth = test[:400_000]
        panels = [("truth", truth, None, None)]
        for name in names:
            with np.load(folder / f"draws_{name}.npz") as kept:
                weight = kept["weight"] if len(kept["weight"]) else None
                panels.append((NAMES[name].split(", 200")[0], kept["x"], kept["z"], weight))

        def image(ax, x, limits, weight, bins=100):
            edges = [np.linspace(-limit, limit, bins + 1) for limit in limits]
            density, *_ = np.histogram2d(x[:, 0], x[:, 1], edges, weights=weight, density=True)
            scaled = np.ma.masked_equal(density.T, 0) * np.prod(limits)
            ax.pcolormesh(*edges, scaled, norm=LogNorm(3e-3, 5), cmap="viridis", rasterized=True)

        for column, (label, x, z, weight) in enumerate(panels):
            axes[0, column].set_title(label.replace(", ", "\n"), fontsize=9)
            image(axes[0, column], x, reach, weight)
            if z is None:
                axes[1, column].axis("off")
            else:
                image(axes[1, column], z, (LATENT_RANGE, LATENT_RANGE), weight)
        axes[0, 0].set_ylabel("feature space")
        if len(panels) > 1:
            axes[1, 1].set_ylabel("latent space")
        style.save(figure, str(out), f"laser_{toy}")


def table(folder: Path) -> str:
    """EMD and JSD of every row as published, and JSD normalised, over the seeds there are; the thesis's beside it."""
    found: dict = {}
    for path in sorted(folder.glob("*.json")):
        toy = path.stem.rpartition("-")[0]
        for name, row in json.loads(path.read_text()).items():
            found.setdefault(name, {}).setdefault(toy, []).append(row)

    toys = list(TOYS)
    lines = ["| | " + " | ".join(f"{toy}: EMD | JSD | JSD [10^-3 nats]" for toy in toys) + " |"]
    lines += ["|---|" + "---|" * (3 * len(toys))]
    for name in (name for name in NAMES if name in found):
        cells = []
        for number, toy in enumerate(toys):
            rows = found[name].get(toy)
            if not rows:
                cells += ["", "", ""]
                continue
            emd, jsd = (cell([row[key] for row in rows], "{:.3f}") for key in ("emd_raw", "jsd_raw"))
            if name in THESIS:
                emd, jsd = (f"{ours} [{theirs}]" for ours, theirs in zip((emd, jsd), THESIS[name][number]))
            cells += [emd, jsd, cell([1e3 * row["jsd"] for row in rows], "{:.2f}")]
        lines.append(f"| {NAMES[name]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
