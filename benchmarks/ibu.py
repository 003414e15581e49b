"""Iterated Bayesian unfolding: speed, agreement with another implementation, closure with all sources on.

python benchmarks/ibu.py

Prints a table and leaves benchmarks/results/ibu/ibu.json. The agreement needs ``pip install pyunfold``.
"""

import json
import time
from pathlib import Path

import numpy as np
from scipy.stats import norm

from jaxunfold.binned.response import bin_of, fill_response
from jaxunfold.data import toys
from jaxunfold.methods.ibu import unfold_histogram, unfold_histograms
from jaxunfold.metrics.goodness import pulls

RESULTS = Path(__file__).parent / "results" / "ibu"
EDGES = np.array([-np.inf, -1.8, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2, 1.8, np.inf])
RECO_EDGES = np.concatenate([[-np.inf], np.linspace(-2.6, 2.6, 20), [np.inf]])
EXPERIMENTS, TRUTH_EVENTS, SIMULATED = 200, 3000, 40


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


def closure(iterations: int = 4) -> dict:
    """Pulls over 200 experiments: background 20 %, fakes 10 %, efficiency 70 %; the simulation has another truth."""
    rng = np.random.default_rng(0)
    sim = toys.simulate(rng, SIMULATED * TRUTH_EVENTS, toys.Toy(mean=0.2, width=0.9))
    response = fill_response(sim.truth, sim.reco, EDGES, RECO_EDGES, None, sim.pass_truth, sim.pass_reco)
    known = [
        values / SIMULATED
        for values in (response.fakes, np.bincount(bin_of(sim.background, RECO_EDGES), minlength=21))
    ]
    data = [bin_of(toys.simulate(rng, TRUTH_EVENTS).measured, RECO_EDGES) for _ in range(EXPERIMENTS)]
    counts = np.stack([np.bincount(rows, minlength=len(RECO_EDGES) - 1) for rows in data]).astype(float)
    # what has no truth, background as well, is one cause more of what is measured
    found = unfold_histograms(response.matrix, response.truth, counts, iterations, fakes=sum(known))
    truth = TRUTH_EVENTS * np.diff(norm.cdf(EDGES))
    error = np.sqrt(np.diagonal(found.covariance[:, -1], axis1=1, axis2=2))
    # one error of all experiments: that of each goes with its own fluctuation, which would skew the pulls
    result = pulls(found.counts[:, -1], np.sqrt(np.mean(error**2, axis=0)), truth)
    return {"iterations": iterations, "average": result.average()} | {
        name: values.tolist() for name, values in result._asdict().items()
    }


def main() -> None:
    """Entry point."""
    result = {"speed": speed(), "agreement": agreement(), "closure": [closure(k) for k in (1, 4, 8, 12, 16, 24)]}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "ibu.json").write_text(json.dumps(result, indent=1) + "\n")
    print(
        "1,000 experiments of 50 bins, 10 iterations: {first_s:.2f} CPU s, {then_s:.2f} compiled".format(
            **result["speed"]
        )
    )
    print("relative deviation from pyunfold:", *(f"{x:.0e}" for x in result["agreement"]["relative_deviation"]))
    for entry in result["closure"]:
        line = {name: round(value, 3) for name, value in entry["average"].items()}
        print(f"closure after {entry['iterations']} iterations:", line, "mean of bins", np.round(entry["mean"], 2))


if __name__ == "__main__":
    main()
