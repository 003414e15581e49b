"""Iterated Bayesian unfolding: speed, agreement with another implementation, closure with all sources on.

python benchmarks/ibu.py

Prints a table and leaves benchmarks/results/ibu/ibu.json. The agreement needs ``pip install pyunfold``.
"""

import json
import time
from pathlib import Path

import jax
import numpy as np
from scipy.stats import norm

from jaxunfold.binned.response import bin_of, fill_response
from jaxunfold.binned.stopping import global_correlation, stop_by_change
from jaxunfold.data import toys
from jaxunfold.methods.ibu import response_covariance, unfold_histogram, unfold_histograms
from jaxunfold.metrics.goodness import pulls

RESULTS = Path(__file__).parent / "results" / "ibu"
EDGES = np.array([-np.inf, -1.8, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2, 1.8, np.inf])
RECO_EDGES = np.concatenate([[-np.inf], np.linspace(-2.6, 2.6, 20), [np.inf]])
EXPERIMENTS, TRUTH_EVENTS, SIMULATED, MOST = 200, 3000, 40, 40
TRUTH, OTHER = TRUTH_EVENTS * np.diff(norm.cdf(EDGES)), toys.Toy(mean=0.2, width=0.9)


def speed() -> dict:
    """1,000 pseudo-experiments of 50 bins, 10 iterations, covariances included, in CPU seconds."""
    toy = toys.binned(50, 50, smearing=0.04)
    data = np.random.default_rng(0).poisson(toy.response @ toy.truth, (1000, 50)).astype(float)
    seconds = []
    for _ in range(3):
        # of the process, so that what else runs on the machine does not count
        begin = time.process_time()
        unfold_histograms(toy.response, toy.prior, data, 10)
        seconds.append(time.process_time() - begin)
    return {"first_s": seconds[0], "then_s": min(seconds[1:])}


def agreement() -> dict:
    """Largest relative deviation from pyunfold's counts in up to 6 iterations, of five shapes and efficiencies."""
    from pyunfold import iterative_unfold

    cases = [(8, 8, 0.7), (12, 7, 0.6), (6, 9, 0.8), (10, 10, 0.5), (15, 15, 0.9)]
    worst = []
    for seed, (n_reco, n_truth, efficiency) in enumerate(cases):
        toy = toys.binned(n_reco, n_truth, efficiency, seed=seed)
        total = toy.response.sum(axis=0)
        steps = iterative_unfold(
            toy.data, np.sqrt(toy.data), toy.response, 0 * toy.response, total, 0 * total,
            prior=toy.prior, ts_stopping=1e-300, max_iter=6, return_iterations=True,
        )  # fmt: skip
        theirs = np.stack(steps["unfolded"].to_numpy())
        ours = unfold_histogram(toy.response, toy.prior, toy.data, 6).counts[: len(theirs)]
        worst.append(float(np.max(np.abs(ours / theirs - 1))))
    return {"relative_deviation": worst}


def simulated(rng, toy: toys.Toy):
    """(response, expected counts of fakes and background in each reco bin) of one simulation."""
    sim = toys.simulate(rng, SIMULATED * TRUTH_EVENTS, toy)
    response = fill_response(sim.truth, sim.reco, EDGES, RECO_EDGES, None, sim.pass_truth, sim.pass_reco)
    background = np.bincount(bin_of(sim.background, RECO_EDGES), minlength=len(RECO_EDGES) - 1)
    # what has no truth, background as well, is one cause more of what is measured
    return response, (response.fakes + background) / SIMULATED


def measured(rng, experiments: int) -> np.ndarray:
    """Reco histograms of pseudo-experiments, [experiments, n_reco]."""
    data = [bin_of(toys.simulate(rng, TRUTH_EVENTS).measured, RECO_EDGES) for _ in range(experiments)]
    return np.stack([np.bincount(rows, minlength=len(RECO_EDGES) - 1) for rows in data]).astype(float)


def errors(covariance) -> np.ndarray:
    """Standard deviations, [..., n_truth]."""
    return np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))


def closure() -> list[dict]:
    """Pulls over 200 experiments: background 20 %, fakes 10 %, efficiency 70 %; the simulation has another truth.

    After fixed numbers of iterations, and where a rule that does not know the truth stops each experiment.
    """
    rng = np.random.default_rng(0)
    response, fakes = simulated(rng, OTHER)
    found = unfold_histograms(response.matrix, response.truth, measured(rng, EXPERIMENTS), MOST, fakes=fakes)
    stops = {str(k): np.full(EXPERIMENTS, k) for k in (1, 4, 8, 12, 16, 24)}
    stops["change"] = np.array([stop_by_change(*one) for one in zip(*found)])
    stops["correlation"] = np.array([1 + np.argmin(global_correlation(one)) for one in found.covariance])
    out = []
    for name, stop in stops.items():
        rows = np.arange(EXPERIMENTS), stop - 1
        counts, error = found.counts[rows], errors(found.covariance[rows])
        # one error of all experiments, or that of each, which goes with its own fluctuation and skews the pulls
        shared = pulls(counts, np.sqrt(np.mean(error**2, axis=0)), TRUTH)
        entry = {"iterations": name, "median": float(np.median(stop)), "at_the_end": float(np.mean(stop == MOST))}
        entry |= {"average": shared.average(), "average_own_errors": pulls(counts, error, TRUTH).average()}
        out.append(entry | {key: values.tolist() for key, values in shared._asdict().items()})
    return out


def offsets(iterations: int = 24, simulations: int = 25) -> dict:
    """What all experiments share, in units of a bin's error: expected data, many simulations.

    The mean is the bias, from the truth's shape within bins, and the width what one finite simulation does; beside it
    the part of the latter that sampled responses give.
    """
    rng = np.random.default_rng(1)
    expected = measured(rng, 1000).mean(axis=0)
    out = {"iterations": iterations, "simulations": simulations}
    for name, toy in (("other truth", OTHER), ("same truth", toys.Toy())):
        off, sampled = [], []
        for _ in range(simulations):
            response, fakes = simulated(rng, toy)
            found = unfold_histogram(response.matrix, response.truth, expected, iterations, fakes=fakes)
            error = errors(found.covariance[-1])
            off.append((found.counts[-1] - TRUTH) / error)
            if len(sampled) < 5:
                key = jax.random.key(len(sampled))
                covariance = response_covariance(key, response, expected, iterations, fakes=fakes)
                sampled.append(errors(covariance[-1]) / error)
        out[name] = {"mean": np.mean(off, axis=0).tolist(), "width": np.std(off, axis=0, ddof=1).tolist()}
        out[name]["width_by_sampling"] = np.mean(sampled, axis=0).tolist()
    return out


def main() -> None:
    """Entry point."""
    result = {"speed": speed(), "agreement": agreement(), "closure": closure(), "offsets": offsets()}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "ibu.json").write_text(json.dumps(result, indent=1) + "\n")
    print(
        "1,000 experiments of 50 bins, 10 iterations: {first_s:.2f} CPU s, {then_s:.2f} compiled".format(
            **result["speed"]
        )
    )
    print("relative deviation from pyunfold:", *(f"{x:.0e}" for x in result["agreement"]["relative_deviation"]))
    for entry in result["closure"]:
        for which in ("average", "average_own_errors"):
            line = {name: round(value, 3) for name, value in entry[which].items()}
            print(f"closure, iterations {entry['iterations']} (median {entry['median']:g}), {which}:", line)
        print("  mean of bins", np.round(entry["mean"], 2), f"at the end {entry['at_the_end']:.0%}")
    for name in ("other truth", "same truth"):
        print(f"shared by all experiments, {name}:", {k: np.round(v, 2) for k, v in result["offsets"][name].items()})


if __name__ == "__main__":
    main()
