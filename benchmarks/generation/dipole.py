"""Subtraction of a collinear divergence: e+ e- -> q qbar g minus its Catani-Seymour dipole, as samples of events.

    python -m benchmarks.generation.dipole --out runs/dipole --seeds 4

After arXiv:2008.08558, section 3.2, and the talk's Example II, which have it of Z + jet: B is the squared matrix
element in the dipole's variables y = s_13 / s and z, S the dipole; both go as 1 / y where quark and gluon are
collinear, and B - S is finite there. Gluons are hard, z < 0.8, y is above a cut, and z above 0.4, as below it B is
smaller than S. What is left is compared with the closed form in bins of y and of z.
"""

import json
import time

import numpy as np
from scipy.stats import norm

from benchmarks import command
from benchmarks.generation import subtracting
from jaxunfold.physics import matrix_elements as me
from jaxunfold.report import style
from jaxunfold.unbinned import subtraction

Y_MIN, Y_MAX, Z_MIN, Z_MAX = 1e-3, 0.4, 0.4, 0.8
EVENTS, DRAWN, BINS = 200_000, 1_000_000, 16
EDGES = {"y": np.linspace(Y_MIN, Y_MAX, BINS + 1), "z": np.linspace(Z_MIN, Z_MAX, BINS + 1)}
Y, Z = np.geomspace(Y_MIN, Y_MAX, 2001), np.linspace(Z_MIN, Z_MAX, 1001)


def densities(y, z):
    """(B, S) in y and z, not normalised."""
    x1, x2 = me.from_dipole_variables(y, z)
    return (1 - y) * me.q_qbar_gluon(x1, x2), (1 - y) * me.quark_dipole(x1, x2)


GRID = [np.asarray(part) for part in densities(Y[:, None], Z[None])]
SIGMA_B, SIGMA_S = (np.trapezoid(np.trapezoid(part, Z, axis=1), Y) for part in GRID)
FRACTION = float(SIGMA_S / SIGMA_B)


def cumulative(values, at):
    """Of a density given on a grid."""
    total = np.concatenate([[0], np.cumsum(0.5 * (values[1:] + values[:-1]) * np.diff(at))])
    return total / total[-1]


BASE = {
    "y": (Y, cumulative(np.trapezoid(GRID[0], Z, axis=1), Y)),
    "z": (Z, cumulative(np.trapezoid(GRID[0], Y, axis=0), Z)),
}


def draw(rng, num):
    """(events of B, events of S), [num, 2] each, by rejection from 1 / y and a constant."""
    found = []
    for which, grid in enumerate(GRID):
        largest, kept = 1.02 * (grid * Y[:, None]).max(), []
        while sum(map(len, kept)) < num:
            y = Y_MIN * (Y_MAX / Y_MIN) ** rng.uniform(size=num)
            z = rng.uniform(Z_MIN, Z_MAX, num)
            accepted = rng.uniform(size=num) * largest < y * np.asarray(densities(y, z)[which])
            kept.append(np.column_stack([y, z])[accepted])
        found.append(np.concatenate(kept)[:num])
    return found


def encode(events):
    """Each column normal if the events follow B."""
    columns = (np.interp(events[:, i], *BASE[name]) for i, name in enumerate("yz"))
    return np.column_stack([norm.ppf(np.clip(u, 1e-6, 1 - 1e-6)) for u in columns])


def decode(z):
    return np.column_stack([np.interp(norm.cdf(z[:, i]), *BASE[name][::-1]) for i, name in enumerate("yz")])


def expected(name):
    """Density of B - S in bins, in closed form integrated over the other variable."""
    axis, other, along = (Y, Z, 1) if name == "y" else (Z, Y, 0)
    left = cumulative(np.trapezoid(GRID[0] - GRID[1], other, axis=along), axis)
    return np.diff(np.interp(EDGES[name], axis, left)) / np.diff(EDGES[name])


def figure(found, path):
    """The samples and what is left in y (left); found over expected with the spread over seeds, in y and in z."""
    with style.context():
        plot = style.new_figure(13, 4)
        left, *others = plot.subplots(1, 3)
        base, taken = (np.trapezoid(part, Z, axis=1) for part in GRID)
        left.plot(Y, base, color=style.TRUTH, label="$|M|^2$")
        left.plot(Y, taken, color=style.RECO, ls="--", label="dipole")
        left.plot(Y, base - taken, color=style.TRUTH, lw=0.8, ls=":", label="difference")
        for name, colour in (("GAN", style.UNFOLDED), ("flow", style.SERIES[2])):
            density = np.array(found[name]["y"][0]) * expected("y") * (SIGMA_B - SIGMA_S)
            left.stairs(density, EDGES["y"], baseline=None, color=colour, lw=1.3, label=f"{name}, one seed")
        left.set(xscale="log", yscale="log", xlabel="$y = s_{qg} / s$", ylabel="d$\\sigma$ / dy")
        left.legend(fontsize=8)
        for axes, variable in zip(others, "yz"):
            middle = 0.5 * (EDGES[variable][1:] + EDGES[variable][:-1])
            subtracting.draw_bands(axes, middle, {name: found[name][variable] for name in subtracting.COLOURS})
            axes.set(xlabel=variable, ylabel="found / expected", ylim=(0.6, 1.4))
        others[0].legend(fontsize=8)
        plot.savefig(path, dpi=110)


def carry_out(args, out):
    names = ("histograms", "error of histograms", "GAN", "flow")
    found = {name: {"y": [], "z": []} for name in names}
    seconds = {"GAN": [], "flow": []}
    print("sigma_S / sigma_B", FRACTION, flush=True)
    for seed in range(args.seeds):
        base, taken = draw(np.random.default_rng(seed), EVENTS)
        made = {}
        for name, make in (("GAN", subtracting.with_gan), ("flow", subtracting.with_flow)):
            begin = time.process_time()
            made[name] = decode(make(encode(base), encode(taken), FRACTION, seed, DRAWN))
            seconds[name].append(time.process_time() - begin)
        for i, variable in enumerate("yz"):
            edges, truth = EDGES[variable], expected(variable)
            value, error = subtraction.binned(base[:, i], taken[:, i], FRACTION, edges)
            found["histograms"][variable].append((value / truth).tolist())
            found["error of histograms"][variable].append((error / truth).tolist())
            for name, events in made.items():
                counts = np.histogram(events[:, i], edges)[0] / len(events) / np.diff(edges)
                found[name][variable].append((counts / truth).tolist())
        for variable in "yz":
            ratio = {name: np.array(each[variable]) for name, each in found.items()}
            rms = {name: np.sqrt(np.mean((ratio[name] - 1) ** 2, 0)) for name in ("histograms", "GAN", "flow")}
            rms["expected"] = np.sqrt(np.mean(ratio["error of histograms"] ** 2, 0))
            shown = {n: [round(100 * float(np.sqrt(np.mean(r[s] ** 2))), 1) for s in
                         (slice(None), slice(0, 1), slice(1, None))] for n, r in rms.items()}  # fmt: skip
            print(seed + 1, variable, "per cent off: all bins, first, others", shown, flush=True)
        print("CPU seconds", seconds, flush=True)
        (out / "dipole.json").write_text(json.dumps({"fraction": FRACTION, "seconds": seconds, **found}))
    figure(found, out / "dipole.png")


def main():
    parser = command.parser(__doc__, "runs/dipole", seeds=4)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
