"""Phase-space integrals with known values: a flow trained on its own points, beside VEGAS.

    pip install 'jaxunfold[integration]'
    python -m benchmarks.generation.integration --out runs/integration --seeds 0,1,2
    python -m benchmarks.generation.integration --out runs/integration --seeds 0,1,2 --madnis ~/peers/bin/python

Three integrands: the four-dimensional camel of arXiv:2001.05486, Eq. (24); a Breit-Wigner ridge along the diagonal of
a square; four massless particles with two Breit-Wigner resonances and cuts on their masses and polar angle, in the
eight numbers of RAMBO on diet. Every sampler has the same number of points to learn from, and is then judged by
``ESTIMATES`` independent integrals: mean and width of their pulls, relative error of one, unweighting efficiency.
MadNIS needs PyTorch: it runs in a process of its own, with the interpreter of benchmarks/peers/requirements.txt.
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import command
from benchmarks.generation.integrands import INTEGRANDS
from jaxunfold import integration
from jaxunfold.report import style

ESTIMATES, POINTS = 20, 16384
FIGURE = ("uniform", "vegas", "MadNIS", "flow, chi2")
FLOW = {"blocks": 4, "bins": 12, "hidden": 48, "layers": 2}


def judged(draw_weights, value):
    """Pulls, relative error and efficiency of one sampler; draw_weights: number -> weights [POINTS]."""
    found = [integration.estimate(draw_weights(i)) for i in range(ESTIMATES)]
    pulls = np.array([(each.value - value) / each.error for each in found])
    return {
        "pull_mean": float(pulls.mean()),
        "pull_width": float(pulls.std(ddof=1)),
        "relative_error": float(np.mean([each.error for each in found]) / value),
        "efficiency": float(np.mean([each.efficiency for each in found])),
        "ess": float(np.mean([each.ess for each in found])),
    }


def with_flow(function, dim, value, loss, seed, steps, batch_size):
    """Numbers of a trained flow, the spread of its weights while training, and weights over their mean."""
    begin = time.process_time()
    sampler = integration.build_sampler(dim, **FLOW)
    params, spread = integration.train(
        jax.random.key(seed), sampler, function, loss=loss, steps=steps, batch_size=batch_size
    )
    spread.block_until_ready()
    seconds = time.process_time() - begin
    draw = integration.compiled_weights(sampler, function, POINTS)
    out = judged(lambda i: np.asarray(draw(params, jax.random.fold_in(jax.random.key(100), i)), np.float64), value)
    w = np.asarray(draw(params, jax.random.key(99)))
    return out | {"seconds": seconds}, np.asarray(spread), w / w.mean()


def with_vegas(function, dim, value, seed, points):
    """The same of the map that VEGAS learns from as many points, and its own error of an integral with strata."""
    import gvar
    import vegas

    gvar.ranseed(seed)
    compiled = jax.jit(function)

    @vegas.batchintegrand
    def integrand(x):
        return np.asarray(compiled(jnp.asarray(x, jnp.float32)), np.float64)

    begin = time.process_time()
    integrator = vegas.Integrator([[0, 1]] * dim)
    integrator(integrand, nitn=10, neval=points // 10)
    seconds = time.process_time() - begin

    def draw(i):
        y = np.random.default_rng([seed, i]).uniform(size=(POINTS, dim))
        x, jacobian = np.empty_like(y), np.empty(POINTS)
        integrator.map.map(y, x, jacobian)
        return integrand(x) * jacobian

    out = judged(draw, value)
    own = [integrator(integrand, nitn=1, neval=POINTS, adapt=False) for _ in range(ESTIMATES)]
    pulls = np.array([(each.mean - value) / each.sdev for each in own])
    out |= {"own_relative_error": float(np.mean([each.sdev for each in own]) / value)}
    out |= {"own_pull_mean": float(pulls.mean()), "own_pull_width": float(pulls.std(ddof=1)), "seconds": seconds}
    w = draw(99)
    return out, w / w.mean()


def with_nothing(function, dim, value):
    """The same of uniform points."""
    compiled = jax.jit(function)

    def draw(i):
        x = np.random.default_rng([7, i]).uniform(size=(POINTS, dim)).astype(np.float32)
        return np.asarray(compiled(jnp.asarray(x)), np.float64)

    w = draw(99)
    return judged(draw, value), w / w.mean()


def with_madnis(python, number, value, loss, seed, steps, batch_size):
    """The same of MadNIS, which ``python`` has."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.npz"
        options = {"integrand": number, "loss": loss, "seed": seed, "steps": steps, "batch": batch_size}
        command = [
            python,
            "-m",
            "benchmarks.peers.madnis",
            str(file),
            "--estimates",
            ESTIMATES + 1,
            "--points",
            POINTS,
        ]
        command += [part for name, option in options.items() for part in (f"--{name}", option)]
        subprocess.run([str(part) for part in command], check=True, cwd=Path(__file__).parents[2])
        found = np.load(file)
        w = found["weights"]
        out = judged(lambda i: w[i], value)
        return out | {"seconds": float(found["seconds"]), "seen": int(found["seen"])}, w[-1] / w[-1].mean()


def summary(results):
    """Mean and range over seeds: {integrand: {sampler: {number: [mean, lowest, highest]}}}."""
    out = {}
    for name, samplers in results[0].items():
        for sampler, numbers in samplers.items():
            if isinstance(numbers, dict):
                each = {key: [run[name][sampler][key] for run in results] for key in numbers}
                out.setdefault(name, {})[sampler] = {
                    key: [float(np.mean(v)), min(v), max(v)] for key, v in each.items()
                }
    return out


def figure(shown, spreads, path):
    """Weights of each sampler (top) and their spread while a flow is trained (bottom)."""
    with style.context():
        plot = style.new_figure(11, 6)
        axes = plot.subplots(2, len(shown), squeeze=False)
        bins = np.linspace(-4, 2.5, 66)
        for column, (name, weights) in zip(axes.T, shown.items()):
            kept = {label: w for label, w in weights.items() if label in FIGURE}
            for (label, w), colour in zip(kept.items(), (style.TRUTH, *style.SERIES)):
                log_w = np.log10(np.maximum(w, 1e-4))
                column[0].hist(log_w, bins, histtype="step", label=label, color=colour, weights=w / len(w))
            column[0].set(
                title=name, xlabel="log$_{10}$ of weight / mean", ylabel="share of the integral", yscale="log"
            )
            for label, spread in spreads[name].items():
                smooth = np.convolve(spread, np.ones(10) / 10, mode="valid")
                column[1].plot(smooth, label=label, lw=1.2)
            column[1].set(xlabel="step", ylabel="spread of weights / mean", yscale="log")
        axes[0, 0].legend(fontsize=8)
        axes[1, 0].legend(fontsize=8)
        plot.savefig(path, dpi=110)


def carry_out(args, out):
    everything = []
    seeds = command.numbers("--seeds", args.seeds)
    chosen = command.numbers("--integrands", args.integrands, below=len(INTEGRANDS))
    for seed in seeds:
        results, shown, spreads = {}, {}, {}
        everything.append(results)
        for number in chosen:
            name, (function, dim, known) = list(INTEGRANDS.items())[number]
            value, points = known(), args.steps * args.batch
            plain, w = with_nothing(function, dim, value)
            results[name], shown[name], spreads[name] = {"value": value, "uniform": plain}, {"uniform": w}, {}
            results[name]["vegas"], shown[name]["vegas"] = with_vegas(function, dim, value, seed, points)
            for loss in ("kl", "variance") if args.madnis else ():
                found, w = with_madnis(args.madnis, number, value, loss, seed, args.steps, args.batch)
                results[name][f"madnis, {loss}"] = found
                if loss == "kl":
                    shown[name]["MadNIS"] = w
            for loss in args.losses.split(","):
                found, spread, w = with_flow(function, dim, value, loss, seed, args.steps, args.batch)
                results[name][f"flow, {loss}"], spreads[name][loss] = found, spread
                shown[name].setdefault(f"flow, {loss}", w)
            (out / f"integration-{seed}.json").write_text(json.dumps(results, indent=2))
            for sampler, numbers in results[name].items():
                print(seed, name, sampler, numbers, flush=True)
        if seed == seeds[0]:
            figure(shown, spreads, out / "integration.png")
    (out / "summary.json").write_text(json.dumps(summary(everything), indent=2))


def main():
    parser = command.parser(__doc__, "runs/integration", None)
    parser.add_argument("--losses", default="kl,chi2,exponential")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--integrands", default="0,1,2", help="which, by their place")
    parser.add_argument("--madnis", help="interpreter that has madnis; left out, it is not compared")
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
