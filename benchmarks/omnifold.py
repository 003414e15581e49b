"""OmniFold on toys with known answers, and its speed beside the PyPI package of the same name.

python benchmarks/omnifold.py gaussian              (mean, width) after each iteration against the closed form
python benchmarks/omnifold.py speed [--peer PYTHON] seconds per iteration, 1M + 1M events of 6 columns
python benchmarks/omnifold.py pulls                 background, fakes and efficiency over 50 pseudo-experiments

``--peer`` is the Python of an environment with ``pip install omnifold tensorflow-cpu``; it is run by this script, on
the same core (``taskset``). Results go to benchmarks/results/omnifold/NAME.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results" / "omnifold"
LAYERS, BATCH, EPOCHS = (64, 128, 64), 128, 1  # the package's default network and batch size


def smear(rng, truth):
    """Measured with a resolution of 0.5."""
    return truth + 0.5 * rng.normal(size=truth.shape)


def moments(x, log_weights):
    """Mean and width of every column."""
    w = np.exp(log_weights.astype(np.float64))
    mean = np.average(x, axis=0, weights=w)
    return mean, np.sqrt(np.average((x - mean) ** 2, axis=0, weights=w))


def closed_form(truth, row, mean, width):
    """Exact log-weights that turn N(mean, width) into N of the mean and width in ``row``."""
    new_mean, new_width = row[0], row[1] or 1.0
    return np.sum(0.5 * ((truth - mean) / width) ** 2 - 0.5 * ((truth - new_mean) / new_width) ** 2, axis=1)


def off(rows, expected) -> list[float]:
    """Largest deviation of any column at each iteration, of means and, where expected, of widths."""
    return [
        max(abs(v - e) for values, e in zip(row, wanted) if e is not None for v in values)
        for row, wanted in zip(rows, expected)
    ]


def gaussian(args) -> dict:
    """One dimension, N(0.2, 0.8) to N(0, 1), and four of unit width, mean 1 to 0; 100,000 events each."""
    import jax

    from jaxunfold.methods.omnifold import Options, unfold_events

    n, out = 100_000, {}
    options = {
        "1d": Options(
            iterations=3, hidden=(32, 32), epochs=20, batch_size=512, learning_rate=5e-3, members=4, held_out=0.0
        ),
        "4d": Options(iterations=3, hidden=(64, 64), epochs=12, batch_size=1024, members=3, held_out=0.0),
    }
    expected = {
        "1d": [(0.0562, 0.9089), (0.0131, 0.9636), (0.0028, 0.9864)],
        "4d": [(0.2, None), (0.04, None), (0.008, None)],
    }
    for name, d, mean, width in (("1d", 1, 0.2, 0.8), ("4d", 4, 1.0, 1.0)):
        runs = []
        for seed in args.seeds:
            rng = np.random.default_rng(seed)
            truth, data = rng.normal(mean, width, (n, d)), rng.normal(0, 1, (n, d))
            begin = time.monotonic()
            sample = truth, smear(rng, truth), smear(rng, data)
            found = unfold_events(jax.random.key(seed), *sample, options=options[name])
            rows = [[values.tolist() for values in moments(truth, lw)] for lw in found.log_weights]
            runs.append({"seed": seed, "iterations": rows, "ess": found.ess.tolist(), "s": time.monotonic() - begin})
            # the same events with the weights of the closed form: what 100,000 of them can say at all
            exact = [
                [v.tolist() for v in moments(truth, closed_form(truth, row, mean, width))] for row in expected[name]
            ]
            runs[-1] |= {"off": off(rows, expected[name]), "off_exact_weights": off(exact, expected[name])}
            print(name, "seed", seed, "largest deviation of any column at each iteration", flush=True)
            print(
                "  OmniFold",
                np.round(runs[-1]["off"], 4),
                "exact weights",
                np.round(runs[-1]["off_exact_weights"], 4),
            )
        out[name] = {"expected": expected[name], "runs": runs}
    return out | {"options": {name: chosen._asdict() for name, chosen in options.items()}}


def six_columns(rng, n):
    """Simulation and data of 6 columns each: truth, reco, measured; float32."""
    truth, data = rng.normal(0.2, 1, (n, 6)), rng.normal(0, 1, (n, 6))
    return [x.astype(np.float32) for x in (truth, smear(rng, truth), smear(rng, data))]


def speed(args) -> dict:
    """Seconds of CPU and of the clock per iteration; the first is left out where there are more, for it compiles."""
    import jax

    from jaxunfold.methods.omnifold import Options, unfold_events

    sample = six_columns(np.random.default_rng(0), args.events)
    options = Options(
        iterations=3, hidden=LAYERS, activation=args.activation, epochs=EPOCHS, batch_size=BATCH, held_out=0.0
    )
    clock = [(time.process_time(), time.monotonic())]
    unfold_events(
        jax.random.key(0), *sample, options=options,
        note=lambda line: clock.append((time.process_time(), time.monotonic())),
    )  # fmt: skip
    cpu, seconds = np.diff(clock, axis=0).T
    print(f"jaxunfold: {cpu.round(2)} s of CPU for each iteration, {args.events} + {args.events} events", flush=True)
    out = {"events": args.events, "seconds": seconds.tolist(), "cpu": cpu.tolist(), "activation": args.activation}
    out["events_per_second"] = 2 * args.events / float(np.mean(seconds[1:]))
    out |= {"hidden": LAYERS, "batch_size": BATCH, "epochs": EPOCHS}
    if args.peer:
        command = [args.peer, os.path.abspath(__file__), "peer", "--events", str(args.peer_events)]
        command += ["--iterations", str(args.iterations)]
        with tempfile.TemporaryDirectory() as folder:
            env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
        peer = json.loads(done.stdout.splitlines()[-1])
        out["peer"] = peer | {"events": args.peer_events}
        print(f"omnifold (PyPI): {np.round(peer['cpu'], 2)} s of CPU for each iteration, {args.peer_events} events")
        for name, mine in (("cpu", cpu), ("seconds", seconds)):
            theirs = float(np.mean(peer[name][1:] or peer[name])) / args.peer_events
            out[f"ratio_{name}"] = theirs / (float(np.mean(mine[1:])) / args.events)
            print(f"{name} per event: {out[f'ratio_{name}']:.1f} times as much")
    return out


BINS = np.linspace(-2.5, 2.5, 11)
SIGNAL, ROWS = 10_000, 16_384  # truth events expected in the data; rows that a measured sample is padded to


def efficiency(truth):
    """70 per cent on average over N(0, 1), rising with truth."""
    return 0.5 + 0.4 / (1 + np.exp(-truth))


def simulated(rng) -> dict:
    """Twice the events of the data: 14,000 measured at truth and reco, 6,000 lost, and fakes, 10 per cent."""
    truth = rng.normal(0, 1, (60_000, 1))
    seen = rng.random(len(truth)) < efficiency(truth[:, 0])
    truth = np.concatenate([truth[seen][:14_000], truth[~seen][:6_000], np.zeros((1_556, 1))])
    kind = np.repeat([0, 1, 2], (14_000, 6_000, 1_556))
    reco = np.where((kind == 2)[:, None], rng.normal(0.5, 1.5, truth.shape), smear(rng, truth))
    weight = np.full(len(truth), 0.5)
    background = {"background_reco": rng.normal(-1.0, 1.0, (4_000, 1)), "background_weight": np.full(4_000, 0.49)}
    flags = {"pass_truth": kind != 2, "pass_reco": kind != 1}
    return {"sim_truth": truth, "sim_reco": reco, "sim_weight": weight} | flags | background


def measured(rng) -> dict:
    """Poisson numbers of signal, fakes (10 per cent of signal and fakes) and background (20 per cent of all)."""
    truth = rng.normal(0, 1, (rng.poisson(SIGNAL), 1))
    seen = smear(rng, truth[rng.random(len(truth)) < efficiency(truth[:, 0])])
    parts = [seen, rng.normal(0.5, 1.5, (rng.poisson(778), 1)), rng.normal(-1.0, 1.0, (rng.poisson(1_960), 1))]
    rows = np.concatenate(parts)
    weight = (np.arange(ROWS) < len(rows)).astype(float)
    return {"data_reco": np.concatenate([rows, np.zeros((ROWS - len(rows), 1))]), "data_weight": weight}


def pulls(args) -> dict:
    """Closure: 50 pseudo-experiments from the simulation's own model, all sources on; bins of truth."""
    import jax
    from scipy.stats import norm

    from jaxunfold.methods.omnifold import Options, unfold_events

    options = Options(
        iterations=3, hidden=(32,), epochs=6, batch_size=512, learning_rate=3e-3, held_out=0.0, replicas=args.replicas
    )
    expected, unfolded, spread = SIGNAL * np.diff(norm.cdf(BINS)), [], []
    for number in range(args.experiments):
        rng = np.random.default_rng([1, number])
        sim = simulated(rng)
        found = unfold_events(jax.random.key(number), **sim, **measured(rng), options=options)
        each = [
            np.histogram(sim["sim_truth"][:, 0], BINS, weights=sim["pass_truth"] * sim["sim_weight"] * np.exp(lw))[0]
            for lw in (found.log_weights[-1], *found.replicas[-1])
        ]
        unfolded.append(each[0])
        spread.append(np.std(each[1:], axis=0, ddof=1))
    # one width for all experiments: that of each alone is known to 1 / sqrt(2 replicas) only
    width = np.sqrt(np.mean(np.square(spread), axis=0))
    pull = (np.array(unfolded) - expected) / width
    mean, sigma = pull.mean(axis=0), pull.std(axis=0, ddof=1)
    print(f"pulls over {len(pull)} experiments: mean {mean.mean():+.3f}, width {sigma.mean():.3f}")
    print("each bin:", mean.round(2), sigma.round(2))
    return {
        "mean": float(mean.mean()), "width": float(sigma.mean()), "mean_of_bins": mean.tolist(),
        "width_of_bins": sigma.tolist(), "expected": expected.tolist(), "bootstrap_width": width.tolist(),
        "experiments": len(pull), "options": options._asdict(),
    }  # fmt: skip


def peer(args) -> None:
    """The PyPI package as its README uses it, in an environment that has it; prints seconds as JSON."""
    __file = os.path.abspath(__file__)
    sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(__file)]
    import keras
    import omnifold

    # newer versions of keras compile a clone as well, and look its loss up by name
    keras.saving.get_custom_objects()["weighted_binary_crossentropy"] = omnifold.omnifold.weighted_binary_crossentropy
    truth, reco, data = six_columns(np.random.default_rng(0), args.events)
    measured, simulated = omnifold.DataLoader(reco=data), omnifold.DataLoader(reco=reco, gen=truth)
    unfolding = omnifold.MultiFold(
        "peer", omnifold.MLP(6, list(LAYERS)), omnifold.MLP(6, list(LAYERS)), measured, simulated,
        batch_size=BATCH, epochs=EPOCHS, niter=args.iterations,
    )  # fmt: skip
    clock = [(time.process_time(), time.monotonic())]
    second = unfolding.RunStep2
    unfolding.RunStep2 = lambda i: (second(i), clock.append((time.process_time(), time.monotonic())))
    unfolding.Unfold()
    print(json.dumps(dict(zip(("cpu", "seconds"), np.diff(clock, axis=0).T.tolist()))))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("gaussian", "speed", "pulls", "peer"))
    parser.add_argument("--seeds", type=lambda text: [int(x) for x in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--activation", default="gelu", help="of our network; the package has gelu")
    parser.add_argument("--peer", default="", metavar="PYTHON")
    parser.add_argument("--peer-events", type=int, default=1_000_000)
    parser.add_argument("--iterations", type=int, default=2, help="of the package")
    parser.add_argument("--experiments", type=int, default=50)
    parser.add_argument("--replicas", type=int, default=10, help="bootstrap replicas of each experiment")
    args = parser.parse_args()
    if args.what == "peer":
        peer(args)
        return
    result = {"gaussian": gaussian, "speed": speed, "pulls": pulls}[args.what](args)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{args.what}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
