"""pp -> e- e+ minus pp -> gamma* -> e- e+, as samples of events: arXiv:2008.08558, Eq. (15) and Fig. 3.

    python -m jaxunfold.simulate --config configs/data/drell_yan.py:30 --events 800000 --seed 11 --out drell_yan.h5
    python -m jaxunfold.simulate --config configs/data/drell_yan_photon.py:30 --events 800000 --seed 12 --out p.h5
    python -m benchmarks.generation.photon --base drell_yan.h5 --subtracted p.h5 --out runs/photon --seeds 3

What is left is the Z and its interference with the photon. Every seed has 100,000 events of each sample of its own;
it is compared with the binned difference of those events that no seed has, in units of the error of its own one.
"""

import json
import time

import numpy as np
from scipy.stats import norm

from benchmarks import command
from benchmarks.generation import subtracting
from jaxunfold.data import events as event_files
from jaxunfold.report import style
from jaxunfold.unbinned import subtraction

EVENTS, DRAWN, NODES = 100_000, 1_000_000, 4001
EDGES = {
    "m_ee": np.concatenate([np.linspace(30, 80, 11), np.linspace(82, 100, 10), np.linspace(105, 150, 6)]),
    "E_e-": np.linspace(0, 600, 21),
    "pt_e-": np.linspace(0, 60, 21),
}
UNITS = {"m_ee": "$m_{ee}$ [GeV]", "E_e-": "$E_{e^-}$ [GeV]", "pt_e-": "$p_{T,e^-}$ [GeV]"}
FLOW = {"hidden": 32, "layers": 2, "bins": 8, "blocks": 6}
NET = {"hidden": 64, "layers": 3}


def coordinates(p):
    """log mass, rapidity and the electron's cos theta in the pair's frame, [n, 3]: all there is but the azimuth."""
    total = p.sum(1)
    mass = np.sqrt(total[:, 0] ** 2 - np.sum(total[:, 1:] ** 2, -1))
    rapidity = np.arctanh(total[:, 3] / total[:, 0])
    along = p[:, 0, 3] * np.cosh(rapidity) - p[:, 0, 0] * np.sinh(rapidity)
    return np.column_stack([np.log(mass), rapidity, np.clip(2 * along / mass, -1, 1)])


def observables(x):
    """Of the coordinates."""
    half, y, cos = 0.5 * np.exp(x[:, 0]), x[:, 1], x[:, 2]
    energy = half * (np.cosh(y) + cos * np.sinh(y))
    return {"m_ee": 2 * half, "E_e-": energy, "pt_e-": half * np.sqrt(np.maximum(1 - cos**2, 0))}


def normal_map(x):
    """(encode, decode) by the quantiles of each column of the base sample."""
    u = np.linspace(0.5 / len(x), 1 - 0.5 / len(x), NODES)
    nodes = np.quantile(x, u, axis=0)

    def encode(x):
        return np.column_stack([norm.ppf(np.interp(x[:, i], nodes[:, i], u)) for i in range(x.shape[1])])

    def decode(z):
        return np.column_stack([np.interp(norm.cdf(z[:, i]), u, nodes[:, i]) for i in range(z.shape[1])])

    return encode, decode


def densities(observed, name):
    """In bins, of all events inside and outside."""
    edges = EDGES[name]
    return np.histogram(observed[name], edges)[0] / len(observed[name]) / np.diff(edges)


def figure(samples, reference, found, path):
    """Samples and what is left (top); deviation from the reference with the spread over seeds (bottom)."""
    with style.context():
        plot = style.new_figure(13, 7)
        axes = plot.subplots(2, 3, height_ratios=(1.4, 1))
        for (top, bottom), name in zip(axes.T, EDGES):
            edges = EDGES[name]
            middle = 0.5 * (edges[1:] + edges[:-1])
            for label, (scale, observed), colour in zip("BS", samples, (style.TRUTH, style.RECO)):
                top.stairs(scale * densities(observed, name), edges, color=colour, label=label, lw=1.2, baseline=None)
            scale, (value, error) = reference["scale"], reference[name]
            top.errorbar(
                middle, scale * value, scale * error, fmt=".", color=style.TRUTH, ms=3, label="B - S, binned"
            )
            for label, colour in (("GAN", style.UNFOLDED), ("flow", style.SERIES[2])):
                density = scale * np.array(found[label][name][0])
                top.stairs(density, edges, color=colour, label=f"{label}, one seed", lw=1.2, baseline=None)
            top.set(yscale="log", ylim=(scale * value.max() * 1e-3, scale * value.max() * 3), ylabel="pb / GeV")
            for label, colour in (("histograms", style.TRUTH), ("GAN", style.UNFOLDED), ("flow", style.SERIES[2])):
                off = np.array(found[label][name]) - value
                width, unit = np.sqrt(np.mean(off**2, 0)), np.maximum(value, 0.02 * value.max())
                bottom.fill_between(middle, -width / unit, width / unit, color=colour, alpha=0.3, lw=0, label=label)
            bottom.set(xlabel=UNITS[name], ylabel="off by, rms of seeds", ylim=(-0.3, 0.3))
        axes[0, 0].legend(fontsize=8)
        axes[1, 0].legend(fontsize=8)
        plot.savefig(path, dpi=110)


def carry_out(args, out):
    files = [event_files.read(path, require_truth=True) for path in (args.base, args.subtracted)]
    sigma = [file.attrs["cross_section_pb"] for file in files]
    fraction = float(sigma[1] / sigma[0])
    x = [coordinates(file.truth.astype(np.float64)) for file in files]
    kept = [observables(part[args.seeds * EVENTS :]) for part in x]
    reference = {name: subtraction.binned(kept[0][name], kept[1][name], fraction, EDGES[name]) for name in EDGES}
    print("sigma_S / sigma_B", fraction, "events of the reference", len(kept[0]["m_ee"]), flush=True)
    found = {name: {each: [] for each in EDGES} for name in ("histograms", "error", "GAN", "flow")}
    seconds = {"GAN": [], "flow": []}
    options = {"GAN": (subtracting.with_gan, {"net": NET}), "flow": (subtracting.with_flow, {"flow": FLOW})}
    for seed in range(args.seeds):
        base, taken = (part[seed * EVENTS : (seed + 1) * EVENTS] for part in x)
        encode, decode = normal_map(base)
        for name in EDGES:
            ours = [observables(part)[name] for part in (base, taken)]
            value, error = subtraction.binned(*ours, fraction, EDGES[name])
            found["histograms"][name].append(value.tolist())
            found["error"][name].append(error.tolist())
        for label, (make, chosen) in options.items():
            begin = time.process_time()
            events = observables(decode(make(encode(base), encode(taken), fraction, seed, DRAWN, **chosen)))
            seconds[label].append(time.process_time() - begin)
            for name in EDGES:
                found[label][name].append(densities(events, name).tolist())
        for name in EDGES:
            value, own = reference[name]
            error = np.sqrt(np.mean(np.square(found["error"][name]), 0))
            off = {label: np.array(found[label][name]) - value for label in ("histograms", "GAN", "flow")}
            pulls = {label: round(float(np.sqrt(np.mean((each / error) ** 2))), 2) for label, each in off.items()}
            bulk = value > 0.1 * value.max()
            per_cent = {
                label: round(100 * float(np.sqrt(np.mean((each / value)[:, bulk] ** 2))), 2)
                for label, each in off.items()
            }
            narrower = {label: int(np.sum(np.mean(each**2, 0) < error**2)) for label, each in off.items()}
            print(
                seed + 1,
                name,
                "over the binned error",
                pulls,
                "bulk, per cent",
                per_cent,
                "bins below it",
                narrower,
                "of",
                len(value),
                "reference's own",
                round(float(np.sqrt(np.mean((own / error) ** 2))), 2),
                flush=True,
            )
        print("CPU seconds", seconds, flush=True)
        (out / "photon.json").write_text(json.dumps({"fraction": fraction, "seconds": seconds, **found}))
    left = reference | {"scale": sigma[0] - sigma[1]}
    figure(list(zip(sigma, [observables(part[:EVENTS]) for part in x])), left, found, out / "photon.png")


def main():
    parser = command.parser(__doc__, "runs/photon", seeds=3)
    parser.add_argument("--base", required=True)
    parser.add_argument("--subtracted", required=True)
    command.run(carry_out, parser)


if __name__ == "__main__":
    main()
