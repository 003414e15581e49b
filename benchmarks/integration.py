"""Phase-space integrals with known values: a flow trained on its own points, beside VEGAS.

    pip install 'jaxunfold[integration]'
    python benchmarks/integration.py --out runs/integration
    python benchmarks/integration.py --out runs/integration --losses kl --seed 1

Three integrands: the four-dimensional camel of arXiv:2001.05486, Eq. (24); a Breit-Wigner ridge along the diagonal of
a square; four massless particles with two Breit-Wigner resonances and cuts on their masses and polar angle, in the
eight numbers of RAMBO on diet. Every sampler has the same number of points to learn from, and is then judged by
``ESTIMATES`` independent integrals: mean and width of their pulls, relative error of one, unweighting efficiency.
"""

import argparse
import json
import math
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold import integration
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics import phase_space
from jaxunfold.report import style

ESTIMATES, POINTS = 20, 16384
FLOW = {"blocks": 4, "bins": 12, "hidden": 48, "layers": 2}
SIGMA, GAMMA = 0.2, 0.01
ENERGY, MASSES, WIDTHS, LOWEST, COS_MAX = 300.0, (91.2, 80.4), (10.0, 10.0), 40.0, 0.8


def camel(x):
    """Two Gaussian humps on the diagonal, [n, 4]."""
    humps = sum(jnp.exp(-jnp.sum((x - centre) ** 2, -1) / SIGMA**2) for centre in (1 / 3, 2 / 3))
    return 0.5 * humps / (SIGMA * math.sqrt(math.pi)) ** x.shape[1]


def camel_value(dim=4):
    """In error functions."""
    one = 0.5 * (math.erf(1 / (3 * SIGMA)) + math.erf(2 / (3 * SIGMA)))
    return one**dim


def ridge(x):
    """A Breit-Wigner in the difference of two coordinates: no product of functions of one."""
    return GAMMA / math.pi / ((x[:, 0] - x[:, 1]) ** 2 + GAMMA**2)


def ridge_value():
    """In closed form."""
    return 2 / math.pi * (math.atan(1 / GAMMA) - 0.5 * GAMMA * math.log(1 + 1 / GAMMA**2))


def breit_wigner(s, mass, width):
    """In s, of unit area."""
    return mass * width / math.pi / ((s - mass**2) ** 2 + (mass * width) ** 2)


def four_body(x):
    """Particles 1, 2 and 3, 4 from resonances; both masses above a cut, the first pair's polar angle within one."""
    p = jax.vmap(lambda row: phase_space.massless(row, ENERGY))(x)
    pairs = p[:, 0] + p[:, 1], p[:, 2] + p[:, 3]
    value = phase_space.volume(4, ENERGY)
    for pair, mass, width in zip(pairs, MASSES, WIDTHS):
        s = fv.mass_squared(pair)
        value = value * jnp.where(s > LOWEST**2, breit_wigner(s, mass, width), 0.0)
    cos = pairs[0][:, 3] / jnp.linalg.norm(pairs[0][:, 1:], axis=-1)
    return jnp.where(jnp.abs(cos) < COS_MAX, value, 0.0)


def four_body_value(num=1500):
    """Two-body phase spaces one inside the other, the masses by quadrature in the resonances' own angle."""
    nodes, weight = np.polynomial.legendre.leggauss(num)

    def axis(mass, width):
        low, high = (math.atan((s - mass**2) / (mass * width)) for s in (LOWEST**2, ENERGY**2))
        angle = 0.5 * (high - low) * nodes + 0.5 * (high + low)
        return mass**2 + mass * width * np.tan(angle), 0.5 * (high - low) * weight / math.pi

    (a, wa), (b, wb) = (axis(*pair) for pair in zip(MASSES, WIDTHS))
    s = ENERGY**2
    root = np.sqrt(a)[:, None] + np.sqrt(b) < ENERGY
    triangle = (1 - a[:, None] / s - b / s) ** 2 - 4 * a[:, None] * b / s**2
    two = np.where(root, np.sqrt(np.maximum(triangle, 0.0)), 0.0) / (8 * math.pi)
    return COS_MAX * float(wa @ two @ wb) / (2 * math.pi) ** 2 / (8 * math.pi) ** 2


INTEGRANDS = {
    "camel, 4 dimensions": (camel, 4, camel_value),
    "Breit-Wigner ridge": (ridge, 2, ridge_value),
    "2 to 4 with cuts": (four_body, 8, four_body_value),
}


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
    begin = time.monotonic()
    sampler = integration.build_sampler(dim, **FLOW)
    params, spread = integration.train(
        jax.random.key(seed), sampler, function, loss=loss, steps=steps, batch_size=batch_size
    )
    spread.block_until_ready()
    seconds = time.monotonic() - begin
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

    begin = time.monotonic()
    integrator = vegas.Integrator([[0, 1]] * dim)
    integrator(integrand, nitn=10, neval=points // 10)
    seconds = time.monotonic() - begin

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


def figure(shown, spreads, path):
    """Weights of each sampler (top) and their spread while a flow is trained (bottom)."""
    with style.context():
        plot = style.new_figure(11, 6)
        axes = plot.subplots(2, len(shown))
        bins = np.linspace(-4, 2.5, 66)
        for column, (name, weights) in zip(axes.T, shown.items()):
            for (label, w), colour in zip(weights.items(), (style.TRUTH, style.RECO, style.UNFOLDED)):
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="runs/integration")
    parser.add_argument("--losses", default="kl,chi2,exponential")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    results, shown, spreads = {}, {}, {}
    for name, (function, dim, known) in INTEGRANDS.items():
        value = known()
        plain, w = with_nothing(function, dim, value)
        results[name], shown[name], spreads[name] = {"value": value, "uniform": plain}, {"uniform": w}, {}
        results[name]["vegas"], shown[name]["vegas"] = with_vegas(
            function, dim, value, args.seed, args.steps * args.batch
        )
        for loss in args.losses.split(","):
            found, spread, w = with_flow(function, dim, value, loss, args.seed, args.steps, args.batch)
            results[name][f"flow, {loss}"], spreads[name][loss] = found, spread
            shown[name].setdefault(f"flow, {loss}", w)
        shown[name] = dict(list(shown[name].items())[:3])
        (out / f"integration-{args.seed}.json").write_text(json.dumps(results, indent=2))
        for sampler, numbers in results[name].items():
            print(name, sampler, numbers, flush=True)
    figure(shown, spreads, out / "integration.png")


if __name__ == "__main__":
    main()
