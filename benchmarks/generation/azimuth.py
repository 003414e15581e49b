"""Azimuthal coverage of generated top pairs at 1, 10 and 50 times the training's events: arXiv:1907.03764, Fig. 8.

    python -m benchmarks.generation.top_pairs --out runs/top_pairs --seeds 3 --rows flow,GAN,GAN-momenta
    python -m benchmarks.generation.azimuth --runs runs/top_pairs --rows flow,GAN,GAN-momenta --seeds 3 --times 1,10

Events are rotation symmetric around the beam; of b and the first light quark ``metrics.azimuth`` says how evenly the
generated ones lie, in 100 x 100 cells, beside the training's own events.
"""

import json
import time
from pathlib import Path

import jax
import numpy as np

import jaxunfold
from benchmarks import command
from benchmarks.seeds import cell, markdown
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


def followed(folder, seed, marks):
    """(number, counts of so many generated events, CPU seconds so far) at every mark."""
    counts, made, begin = np.zeros((BINS, BINS), int), 0, time.process_time()
    for piece in jaxunfold.load(folder).generate(jax.random.key(seed), max(marks)):
        for mark in marks:
            if made < mark <= made + len(piece):
                yield mark, counts + counted(piece[: mark - made]), time.process_time() - begin
        counts, made = counts + counted(piece), made + len(piece)


def table(found):
    """Mean and range over the seeds."""
    forms = {"chi2": "{:.2f}", "empty": "{:.0f}", "expected_empty": "{:.0f}", "deviation": "{:.4f}"}
    rows = [
        [at, *(cell([run[key] for run in runs], form) for key, form in forms.items())] for at, runs in found.items()
    ]
    return markdown(["events", *forms], rows)


def carry_out(args, out):
    marks = [part * TRAINING for part in command.numbers("--times", args.times)]
    truth = event_files.read(event_files.sample_path("ttbar"), require_truth=True).truth[:TRAINING]
    shown = {"truth, 1 x": counted(truth)}
    found = {"truth, 1 x": [evenness(shown["truth, 1 x"])._asdict()]}
    for name in args.rows.split(","):
        for seed in range(args.seeds):
            for mark, counts, seconds in followed(Path(args.runs) / f"{name}-{seed}", seed, marks):
                at = f"{name}, {mark // TRAINING} x"
                shown.setdefault(at, counts)
                found.setdefault(at, []).append(evenness(counts)._asdict() | {"cpu_seconds": seconds})
                print(seed, at, found[at][-1], flush=True)
        (out / "azimuth.json").write_text(json.dumps(found, indent=2))
    figure(shown, out / "azimuth.png")
    print(table(found))


def main():
    parser = command.parser(__doc__, "runs/azimuth")
    parser.add_argument("--runs", required=True, help="folder of top_pairs, with NAME-SEED in it")
    parser.add_argument("--rows", default="flow,GAN")
    parser.add_argument("--times", default="1,10,50", help="how often the training's events are generated")
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
