"""Draw the figures of the method pages from the numbers in benchmarks/: python docs/draw.py"""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from jaxunfold.report import style

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "figures"


def read(name: str) -> dict:
    """A file of benchmarks/."""
    return json.loads((ROOT / "benchmarks" / name).read_text())


def save(figure, name: str) -> None:
    """One PNG of docs/figures."""
    figure.savefig(OUT / name, dpi=110)
    plt.close(figure)


def omnifold() -> None:
    """Mean and width after each iteration of the Gaussian toy, with their closed form."""
    found = read("results/omnifold/gaussian.json")["1d"]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for i, (ax, label) in enumerate(zip(axes, ("mean of the unfolded truth", "its width"))):
        numbers = np.arange(1, len(found["expected"]) + 1)
        ax.plot(numbers, [row[i] for row in found["expected"]], "k_", ms=22, label="closed form")
        for run in found["runs"]:
            values = [step[i][0] for step in run["iterations"]]
            ax.plot(numbers, values, "o", alpha=0.6, label=f"seed {run['seed']}")
        ax.axhline((0.0, 1.0)[i], color="0.7", lw=1, zorder=0)
        ax.set(xlabel="iteration", ylabel=label, xticks=numbers)
    axes[0].legend()
    for ax in axes:
        ax.margins(0.1)
    save(figure, "omnifold.png")


def ibu() -> None:
    """Coverage and mean of the pulls against the number of iterations."""
    rows = [row for row in read("results/ibu/ibu.json")["closure"] if row["iterations"].isdigit()]
    numbers = [int(row["iterations"]) for row in rows]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    axes[0].plot(numbers, [row["average"]["mean"] for row in rows], "o-", label="average of the bins")
    axes[0].plot(numbers, [min(row["mean"], key=lambda m: -abs(m)) for row in rows], "s--", label="worst bin")
    axes[0].axhline(0, color="0.7", lw=1)
    axes[0].set(xlabel="iterations", ylabel="mean pull", yscale="symlog")
    axes[0].legend()
    for level, marker in ((68, "o-"), (95, "s--")):
        axes[1].plot(
            numbers, [row["average"][f"coverage_{level}"] for row in rows], marker, label=f"{level} per cent"
        )
        axes[1].axhline(level / 100, color="0.7", lw=1)
    axes[1].set(xlabel="iterations", ylabel="covered", ylim=(0, 1))
    axes[1].legend()
    for ax in axes:
        ax.margins(x=0.05)
    save(figure, "ibu.png")


def iterated() -> None:
    """Mean pull of each bin after the first and the last iteration of the iterated conditional INN."""
    found = read("closure/iterated.json")
    edges = np.asarray(found["edges"])
    figure, ax = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
    for number, step in enumerate(found["iterations"], 1):
        ax.stairs(step["pull_mean_of_bins"], edges, baseline=None, lw=1.5, label=f"iteration {number}")
    ax.axhline(0, color="0.7", lw=1)
    ax.set(xlabel="truth", ylabel="mean pull")
    ax.legend()
    save(figure, "iterated.png")


if __name__ == "__main__":
    with style.context():
        omnifold()
        ibu()
        iterated()
