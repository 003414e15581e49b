"""A one-dimensional measurement with everything that a real one has: smearing, efficiency, fakes and background.

Small enough for hundreds of pseudo-experiments, and every piece is known in closed form.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit
from scipy.stats import norm


class Toy(NamedTuple):
    """What nature and the detector do.

    mean, width: of the truth, which is normal. smearing: width of the detector's normal smearing.
    efficiency: fraction of the truth events that are measured, near truth 0; it rises by ``slope`` per unit.
    fakes: fraction of the measured events that have no truth. background: fraction that another process makes.
    """

    mean: float = 0.0
    width: float = 1.0
    smearing: float = 0.5
    efficiency: float = 0.7
    slope: float = 0.3
    fakes: float = 0.1
    background: float = 0.2

    def efficiency_of(self, truth):
        """Probability that an event is measured, a logistic function of its truth."""
        return expit(np.log(self.efficiency / (1 - self.efficiency)) + self.slope * np.asarray(truth))


class Sample(NamedTuple):
    """Events [n] of the toy. What does not pass is NaN; flags as in event files.

    truth, reco: one number an event. pass_truth: part of the truth-level sample. pass_reco: measured.
    background: reco of the background process's events, [m], a sample of its own.
    """

    truth: np.ndarray
    reco: np.ndarray
    pass_truth: np.ndarray
    pass_reco: np.ndarray
    background: np.ndarray

    @property
    def measured(self) -> np.ndarray:
        """All that a detector sees, signal, fakes and background in random order, [m]."""
        seen = np.concatenate([self.reco[self.pass_reco], self.background])
        return np.random.default_rng(len(seen)).permutation(seen)


def simulate(rng: np.random.Generator, num_truth: float, toy: Toy = Toy()) -> Sample:  # noqa: B008
    """Events of the toy; every number of events is Poisson distributed, as in a pseudo-experiment.

    Args:
      rng: A numpy generator.
      num_truth: Expected number of truth events; fakes and background come in proportion to what is measured.
    """
    truth = rng.normal(toy.mean, toy.width, rng.poisson(num_truth))
    measured = rng.uniform(size=len(truth)) < toy.efficiency_of(truth)
    reco = np.where(measured, truth + rng.normal(0, toy.smearing, len(truth)), np.nan)
    # of all measured events: signal 1 - fakes - background; its expectation from the expected efficiency
    signal = num_truth * np.mean(toy.efficiency_of(toy.mean + toy.width * _nodes()))
    total = signal / (1 - toy.fakes - toy.background)
    fakes = rng.normal(0, 2.0, rng.poisson(total * toy.fakes))
    background = rng.normal(-1.0, 0.7, rng.poisson(total * toy.background))
    return Sample(
        np.concatenate([truth, np.full(len(fakes), np.nan)]),
        np.concatenate([reco, fakes]),
        np.arange(len(truth) + len(fakes)) < len(truth),
        np.concatenate([measured, np.ones(len(fakes), bool)]),
        background,
    )


def _nodes():
    """Equally likely points of a standard normal, for expectations under it."""
    return norm.ppf((np.arange(1000) + 0.5) / 1000)


class BinnedToy(NamedTuple):
    """response [n_reco, n_truth], a flat prior [n_truth], Poisson data [n_reco], the expected truth [n_truth]."""

    response: np.ndarray
    prior: np.ndarray
    data: np.ndarray
    truth: np.ndarray


def binned(
    n_reco: int,
    n_truth: int,
    efficiency: float = 0.7,
    smearing: float = 0.08,
    total: float = 20000.0,
    slope: float = 0.0,
    seed: int = 0,
) -> BinnedToy:
    """A normal peak at 0.55 on [0, 1] in bins, smeared; the efficiency changes by ``slope`` across the interval."""
    truth_edges, reco_edges = np.linspace(0, 1, n_truth + 1), np.linspace(0, 1, n_reco + 1)
    centres = (truth_edges[1:] + truth_edges[:-1]) / 2
    shape = np.diff(norm.cdf(reco_edges[:, None], centres, smearing), axis=0)
    response = shape / shape.sum(axis=0) * (efficiency + slope * (centres - 0.5))
    truth = total * np.diff(norm.cdf(truth_edges, 0.55, 0.2))
    data = np.random.default_rng(seed).poisson(response @ truth).astype(float)
    return BinnedToy(response, np.full(n_truth, 1.0 / n_truth), data, truth)
