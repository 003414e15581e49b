"""Azimuthal coverage of generated top pairs at 1, 10 and 50 times the training's events: arXiv:1907.03764, Fig. 8.

    python -m benchmarks.azimuth --runs runs/generate_ttbar,runs/generate_ttbar_gan --names flow,GAN --times 1,10,50

Events are rotation symmetric around the beam; of b and the first light quark ``metrics.azimuth`` says how evenly the
generated ones lie, in 100 x 100 cells, beside the training's own events.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import numpy as np

import jaxunfold
from jaxunfold.data import events as event_files
from jaxunfold.metrics.azimuth import cells, evenness
from jaxunfold.report import style

TRAINING, BINS, LEAVES = 48_000, 100, (0, 1)


def counted(p):
    """Cells of momenta [n, 6, 4]."""
    return cells(*(np.arctan2(p[:, i, 2], p[:, i, 1]).astype(np.float64) for i in LEAVES), BINS)


def figure(shown, path):
    """Counts over those of even events."""
    with style.context():
        columns = -(-len(shown) // 2)
        plot = style.new_figure(2.8 * columns + 0.6, 5.4)
        axes_of = plot.subplots(2, columns).ravel()
        for axes in axes_of[len(shown) :]:
            axes.set_axis_off()
        for axes, (name, counts) in zip(axes_of, shown.items()):
            ratio = counts / np.maximum(counts.mean(1, keepdims=True), 1e-9)
            image = axes.imshow(
                ratio, origin="lower", extent=(0, 360, 0, 360), vmin=0, vmax=2, cmap="RdBu_r", aspect="auto"
            )
            axes.set(title=name, xlabel="$\\phi_b$ [deg]", ylabel="$\\phi_{q} - \\phi_b$ [deg]")
        plot.colorbar(image, ax=list(axes_of), label="events / even")
        plot.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True)
    parser.add_argument("--names", required=True)
    parser.add_argument("--times", default="1,10,50", help="of all runs, or of each, with colons between")
    parser.add_argument("--out", default="runs/azimuth")
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    truth = event_files.read(event_files.sample_path("ttbar"), require_truth=True).truth[:TRAINING]
    shown = {"truth, 1 x": counted(truth)}
    results = {"truth, 1 x": evenness(shown["truth, 1 x"])._asdict()}
    print("truth", results["truth, 1 x"], flush=True)
    names, folders, times = args.names.split(","), args.runs.split(","), args.times.split(":")
    for name, folder, chosen in zip(names, folders, times * (len(names) // len(times))):
        marks = [int(part) * TRAINING for part in chosen.split(",")]
        run, counts, made, begin = jaxunfold.load(folder), np.zeros((BINS, BINS), int), 0, time.process_time()
        for piece in run.generate(jax.random.key(0), max(marks)):
            for mark in marks:
                if made < mark <= made + len(piece):
                    at = f"{name}, {mark // TRAINING} x"
                    shown[at] = counts + counted(piece[: mark - made])
                    results[at] = evenness(shown[at])._asdict() | {"cpu_seconds": time.process_time() - begin}
                    print(at, results[at], flush=True)
            counts, made = counts + counted(piece), made + len(piece)
        (out / "azimuth.json").write_text(json.dumps(results, indent=2))
    figure(shown, out / "azimuth.png")


if __name__ == "__main__":
    main()
