"""|M|^2 of e+ e- -> q qbar g by regression, with its uncertainty: arXiv:2008.08558, section 3.2.

    python -m benchmarks.generation.matrix_element --out runs/matrix_element --seeds 3

Points are flat in phase space, every pair of partons has 2 p_i p_j / s > 0.001, and the target is log |M|^2 in closed
form. Two ways to get the uncertainty, an ensemble and a posterior over the weights, and two kinds of input, the log
of the invariants and, for the ensemble, the partons' nine momentum components, of which it has to find them itself.
"""

import json
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import command
from jaxunfold import regression
from jaxunfold.physics import matrix_elements, phase_space
from jaxunfold.report import style

CUT, TESTED = 1e-3, 50_000
TRAININGS = (
    ("invariants", "ensemble of 5", regression.train_ensemble),
    ("invariants", "posterior, 20 draws", regression.train_bayesian),
    ("momenta", "ensemble of 5", regression.train_ensemble),
)


def points(key, num):
    """(log invariants [num, 3], momenta over the beam's energy [num, 9], log |M|^2 [num]) after the cut."""
    x = jax.random.uniform(key, (2 * num, 5))
    p = jax.jit(jax.vmap(lambda row: phase_space.massless(row, 2.0)))(x)
    log_y = jax.vmap(matrix_elements.log_invariants)(p)
    kept = np.flatnonzero(np.asarray(log_y.min(1)) > np.log(CUT))[:num]
    log_y, p = np.asarray(log_y, np.float64)[kept], np.asarray(p)[kept]
    with jax.enable_x64(True):
        # 1 - x1 = y_23, 1 - x2 = y_13
        x1, x2 = 1 - np.exp(log_y[:, 2]), 1 - np.exp(log_y[:, 1])
        target = np.log(np.asarray(matrix_elements.q_qbar_gluon(x1, x2)))
    return log_y, p[..., 1:].reshape(len(p), 9), target


def judged(found, truth, inside):
    """Deviations of |M|^2 in per cent, and the pulls with each part of the uncertainty, of points in ``inside``."""
    off = (np.asarray(found.mean, np.float64) - truth)[inside]
    parts = {"both": found.error, "model": found.model, "spread": found.spread}
    pulls = {name: off / np.asarray(part, np.float64)[inside] for name, part in parts.items()}
    out = {"rms": 100 * float(np.sqrt(np.mean(off**2))), "within_1": 100 * float(np.mean(np.abs(off) < 0.01))}
    out |= {"99": 100 * float(np.quantile(np.abs(off), 0.99)), "bias": 100 * float(off.mean())}
    out |= {"error": 100 * float(np.mean(np.asarray(found.error)[inside]))}
    for name, pull in pulls.items():
        out |= {f"pull_{name}": float(pull.std()), f"within_1_sigma_{name}": float(np.mean(np.abs(pull) < 1))}
    return out


def figure(shown, path):
    """Deviation against the smallest invariant with the mean uncertainty (left), and the pulls (right)."""
    with style.context():
        plot = style.new_figure(10, 4)
        left, right = plot.subplots(1, 2)
        z = np.linspace(-5, 5, 61)
        right.plot(z, np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi), color=style.TRUTH, lw=1, label="normal")
        for (name, (smallest, off, error)), colour in zip(shown.items(), style.SERIES):
            edges = np.quantile(smallest, np.linspace(0, 1, 21))
            place = np.clip(np.searchsorted(edges, smallest) - 1, 0, 19)
            middle = np.exp([smallest[place == i].mean() for i in range(20)])
            rms = [100 * np.sqrt(np.mean(off[place == i] ** 2)) for i in range(20)]
            claimed = [100 * np.sqrt(np.mean(error[place == i] ** 2)) for i in range(20)]
            left.plot(middle, rms, color=colour, label=f"{name}: deviation")
            left.plot(middle, claimed, color=colour, ls="--", label="its uncertainty")
            right.hist(off / error, z, density=True, histtype="step", color=colour, label=name)
        left.axhline(1, color=style.TRUTH, lw=0.7)
        left.set(xscale="log", yscale="log", xlabel="smallest $2 p_i p_j / s$", ylabel="$|M|^2$ off by, rms [%]")
        left.set(ylim=(1e-4, 1e3))
        left.legend(fontsize=7, loc="lower left")
        right.set(xlabel="deviation / uncertainty", ylabel="points")
        right.legend(fontsize=8)
        plot.savefig(path, dpi=110)


def carry_out(args, out):
    recipe = regression.Recipe(steps=args.steps)
    *tested, truth = points(jax.random.key(1000), TESTED)
    smallest = tested[0].min(1)
    regions = {"all": smallest > -np.inf, "below 0.01": smallest < np.log(0.01)}
    results, shown = {}, {}
    for seed in range(args.seeds):
        *inputs, target = points(jax.random.key(seed), args.points)
        seen = dict(zip(("invariants", "momenta"), zip(inputs, tested)))
        for kind, name, train in TRAININGS:
            x, test = seen[kind]
            scaling = regression.scaling_of(x, target)
            begin = time.process_time()
            params = jax.block_until_ready(train(jax.random.key(seed), x, target, scaling, recipe=recipe))
            seconds = time.process_time() - begin
            found = jax.jit(lambda p, x, s: regression.predict(p, x, s, recipe))(
                params, jnp.asarray(test, jnp.float32), scaling
            )
            numbers = {region: judged(found, truth, inside) for region, inside in regions.items()}
            results[f"{kind}, {name}, {seed}"] = numbers | {"cpu_seconds": seconds}
            print(kind, name, seed, results[f"{kind}, {name}, {seed}"], flush=True)
            if seed == 0:
                off = np.asarray(found.mean, np.float64) - truth
                shown[f"{kind}, {name}"] = smallest, off, np.asarray(found.error, np.float64)
            (out / "matrix_element.json").write_text(json.dumps(results, indent=2))
    figure(shown, out / "matrix_element.png")


def main():
    parser = command.parser(__doc__, "runs/matrix_element", seeds=3)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=6000)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
