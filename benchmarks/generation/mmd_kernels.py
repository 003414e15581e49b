"""Kernels of the MMD in the GAN of top pairs, and their widths: arXiv:1907.03764, Fig. 7.

    python -m benchmarks.generation.mmd_kernels --out runs/mmd_kernels --seeds 3 --epochs 4

`configs/generate_ttbar_gan.py:momenta` with a seventh of its training, once without an MMD, then with single kernels
of about the W's width, a quarter and four times of it, with one as wide as the young generator's peaks, and with
several at once.
Each generates 100,000 events; their masses are compared with those of held-out ones.
"""

import json
import time
from pathlib import Path

import jax
import numpy as np

from benchmarks import command
from benchmarks.generation.top_pairs import LEAVES, masses
from benchmarks.seeds import cell, markdown
from jaxunfold import config as configs
from jaxunfold.metrics.masses import peak
from jaxunfold.report import style
from jaxunfold.train import fit

CONFIG = f"{Path(__file__).parents[2]}/configs/generate_ttbar_gan.py:momenta"
SETTINGS = {
    "none": None,
    "Breit-Wigner, 0.5": ("breit_wigner", (0.5,)),
    "Breit-Wigner, 2": ("breit_wigner", (2.0,)),
    "Gaussian, 2": ("gaussian", (2.0,)),
    "Breit-Wigner, 8": ("breit_wigner", (8.0,)),
    "Breit-Wigner, 30": ("breit_wigner", (30.0,)),
    "Breit-Wigner, 2, 8, 30": ("breit_wigner", (2.0, 8.0, 30.0)),
}
"""Kernel and widths in GeV."""
DRAWN = 100_000


def one(setting, seed, epochs, folder):
    """(CPU seconds of the training, masses generated, masses of held-out events) of one training."""
    config = configs.load(CONFIG)
    config.training.update({"epochs": epochs, "seed": seed})
    if setting is None:
        config.model.mmd = None
    else:
        config.model.mmd.update({"kernel": setting[0], "widths": setting[1]})
    begin = time.process_time()
    folder.mkdir(parents=True, exist_ok=True)
    run, test = fit(config, folder)
    jax.block_until_ready(run.state)
    seconds = time.process_time() - begin
    pieces = list(run.generate(jax.random.key(seed), DRAWN))
    return seconds, masses(np.concatenate(pieces)), masses(test.truth)


def figure(shown, path):
    """Masses of W+ and top of the first seed, each kernel's beside the truth's."""
    with style.context():
        plot = style.new_figure(11, 4.2)
        for axes, name, low, high in zip(plot.subplots(1, 2), ("W+", "t"), (40, 90), (120, 260)):
            edges = np.linspace(low, high, 61)
            for (label, m), colour in zip(shown.items(), (style.TRUTH, *style.SERIES)):
                density = np.histogram(m[name], edges)[0] / len(m[name]) / np.diff(edges)
                axes.stairs(density, edges, label=label, lw=1.2, color=colour, baseline=None)
            axes.set(xlabel=f"$m_{{{name.replace('+', '^+')}}}$ [GeV]", ylabel="density [1 / GeV]", xlim=(low, high))
            axes.set(yscale="log", ylim=(2e-4, 0.5))
        axes.legend(fontsize=7)
        plot.savefig(path, dpi=110)


def table(found):
    """Mean and range over the seeds: shift of the median and ratio of widths, means of W+ and W-, t and tbar."""

    def both(each, names, key):
        return [np.mean([run[name][key] for name in names]) for run in each]

    rows = []
    for label, each in found.items():
        row = [label]
        for names in (("W+", "W-"), ("t", "tbar")):
            row += [
                cell(both(each, names, "peak_shift"), "{:+.1f}"),
                cell(both(each, names, "width_ratio"), "{:.1f}"),
            ]
        rows.append([*row, cell([run["cpu_seconds"] for run in each], "{:.0f}")])
    header = ["kernel, widths [GeV]", "m_W off by [GeV]", "width of m_W, times the truth's", "m_t off by [GeV]"]
    return markdown([*header, "width of m_t, times the truth's", "CPU seconds"], rows)


def carry_out(args, out):
    names = command.chosen("--kernels", args.kernels, SETTINGS, ";") if args.kernels else list(SETTINGS)
    chosen = {name: SETTINGS[name] for name in names}
    found, shown = {name: [] for name in chosen}, {}
    for seed in range(args.seeds):
        for number, (label, setting) in enumerate(chosen.items()):
            seconds, ours, truth = one(setting, seed, args.epochs, out / f"{number}-{seed}")
            row = {"cpu_seconds": seconds}
            for name in LEAVES:
                row[name] = peak(truth[name], ours[name][None], np.ones(len(truth[name])), np.ones((1, DRAWN)))
            found[label].append(row)
            print(seed, label, {n: round(row[n]["width_ratio"], 1) for n in LEAVES}, round(seconds), flush=True)
            if seed == 0:
                shown |= {"truth": truth} if not shown else {}
                shown[label] = ours
            (out / "mmd_kernels.json").write_text(json.dumps(found, indent=2))
    print(table(found))
    figure(shown, out / "mmd_kernels.png")


def main():
    parser = command.parser(__doc__, "runs/mmd_kernels", seeds=3)
    parser.add_argument("--kernels", default="", help="some of those of SETTINGS, with semicolons between; all")
    parser.add_argument("--epochs", type=int, default=4)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
