"""Lund-plane images from scratch by two GANs and a VAE: arXiv:2008.08558, section 3.3 and Fig. 5.

    python -m jaxunfold.simulate --config configs/data/fat_jets.py --events 30000 --seed 1 --out qcd_jets.h5
    python -m jaxunfold.simulate --config configs/data/fat_jets.py:w --events 30000 --seed 2 --out w_jets.h5
    python -m benchmarks.generation.lund_images --qcd qcd_jets.h5 --w w_jets.h5 --out runs/lund_images --seeds 1

Measured jets, each an image of 16 x 16 binary pixels. Half of them train; the others are compared with as many
generated ones, and with images of independent pixels that have the right mean: what needs no network at all.
"""

import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import command
from benchmarks.generation import lund_planes as planes
from benchmarks.seeds import cell, markdown
from jaxunfold.images import generators
from jaxunfold.report import style
from jaxunfold.training import steps

BATCH = 192
NET = {"hidden": 128, "layers": 2}
UNIT_SLOPE = {"kind": "unit_slope", "weight": 10.0}
GANS = {
    "least-squares GAN": {"loss": "least_squares", "penalty": {"kind": "unit_slope", "weight": 1.0}},
    "Wasserstein GAN": {"loss": "wasserstein", "penalty": UNIT_SLOPE, "critic_updates": 3},
}


def makers(images, num_steps):
    """{name: generator}; the GANs' rate is constant, for a schedule would count a critic's updates as well."""
    out = {
        name: generators.gan(
            images, optax.adam(1e-3, b1=0.5, b2=0.9), generator=NET, critic=NET, latent=32, ema=0.998, **options
        )
        for name, options in GANS.items()
    }
    rate = optax.cosine_decay_schedule(2e-3, num_steps)
    out["VAE"] = generators.vae(
        images, optax.adam(rate), encoder=NET, decoder=NET, latent=16, warmup=num_steps // 2, ema=0.99
    )
    return out


def independent(rng, images, num):
    """Images of independent pixels with the mean of these."""
    return (rng.uniform(size=(num, images.shape[1])) < images.mean(0)).astype(np.float32)


def one(kind, images, seed, num_steps):
    """({name: numbers}, {name: generated images}) of one sample and seed."""
    half = len(images) // 2
    train, test = images[:half], images[half:]
    key, data = jax.random.key(seed), steps.unconditional(train)
    # the training half takes the place of a generator for what two samples of one kind differ by
    made, seconds = {"truth": train, "independent pixels": independent(np.random.default_rng(seed), train, half)}, {}
    for name, maker in makers(jnp.asarray(train), num_steps).items():
        begin = time.process_time()
        state = maker.init(key, data)
        state, _ = steps.run(maker.step, state, steps.rows_of(data, BATCH), jax.random.fold_in(key, 1), num_steps)
        jax.block_until_ready(state)
        seconds[name] = time.process_time() - begin
        made[name] = np.asarray(maker.draw(state, jax.random.fold_in(key, 2), half))
    found = {}
    for name, rows in made.items():
        found[name] = planes.ks(test, rows) | {
            "auc": planes.auc(jax.random.fold_in(key, 3), test, rows),
            "image": float(np.sqrt(np.mean((rows.mean(0) - test.mean(0)) ** 2) / np.mean(test.mean(0) ** 2))),
            "seconds": seconds.get(name),
        }
        print(kind, seed, name, {k: v and round(v, 3) for k, v in found[name].items()}, flush=True)
    return found, {"truth": test, **{name: rows for name, rows in made.items() if name != "truth"}}


def figure(shown, path):
    """The three observables of Fig. 5, for both kinds of jets."""
    colours = (style.TRUTH, style.RECO, style.UNFOLDED, *style.SERIES[2:])
    with style.context():
        plot = style.new_figure(12, 7)
        for row, (kind, made) in zip(plot.subplots(2, 3), shown.items()):
            for axes, (name, label) in zip(row, planes.NAMES.items()):
                for (maker, rows), colour in zip(made.items(), colours):
                    planes.stairs(axes, name, rows, maker, colour, ls=":" if maker.startswith("ind") else "-")
                axes.set(
                    xlabel=label, ylabel=f"{kind} jets", xlim=(max(planes.EDGES[name][0], 0), planes.EDGES[name][-1])
                )
        plot.axes[2].legend(fontsize=8)
        plot.savefig(path, dpi=110)


def table(found):
    """Mean and range over the seeds."""
    keys = [*planes.NAMES, "image", "auc", "seconds"]
    header = ["", *(f"KS, {planes.NAMES[name].removesuffix(' [GeV]')}" for name in planes.NAMES)]
    header += ["mean image off by", "classifier AUC", "CPU seconds"]
    forms = ["{:.3f}"] * 3 + ["{:.2f}", "{:.3f}", "{:.0f}"]
    rows = [
        [f"{kind}, {name}", *(cell([run[name][key] for run in runs], form) for key, form in zip(keys, forms))]
        for kind, runs in found.items()
        for name in runs[0]
    ]
    return markdown(header, rows)


def carry_out(args, out):
    samples = {"QCD": planes.read(args.qcd)["reco"], "W": planes.read(args.w)["reco"]}
    found, shown = {kind: [] for kind in samples}, {}
    for seed in range(args.seeds):
        for kind, images in samples.items():
            numbers, made = one(kind, images, seed, args.steps)
            found[kind].append(numbers)
            shown.setdefault(kind, made)
            (out / "lund_images.json").write_text(json.dumps(found, indent=2))
    figure(shown, out / "lund_images.png")
    print(table(found))


def main():
    parser = command.parser(__doc__, "runs/lund_images")
    parser.add_argument("--qcd", required=True)
    parser.add_argument("--w", required=True)
    parser.add_argument("--steps", type=int, default=2000)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
