"""Drell-Yan with missing momentum: a small sample, what pile-up adds, and the command."""

import numpy as np
import pytest

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from jaxunfold import config
from jaxunfold.errors import InputError
from jaxunfold.simulation import drell_yan_met


@pytest.fixture(scope="module")
def values():
    found = config.load("configs/data/drell_yan_met.py").to_dict()
    found.pop("chain")
    # multi-parton interactions, which soft collisions need, take seconds to start
    quick = ("HardQCD:all = on", "PhaseSpace:pTHatMin = 20.", "PartonLevel:MPI = off")
    return {**found, "batch": 60, "pool": 5, "pileup_pythia": quick}


@pytest.fixture(scope="module")
def events(values):
    return drell_yan_met.simulate(drell_yan_met.from_config(values), 1, 25)


def test_a_z_in_two_electrons(events):
    pt1, eta1, pt2, eta2, dphi, _, _, jets, vertices = events.truth.astype(float).T
    mass = np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) + np.cos(dphi)))
    assert abs(np.median(mass) - 91) < 4
    assert min(pt1.min(), pt2.min()) > 20
    assert max(np.abs(eta1).max(), np.abs(eta2).max()) < 2.5
    assert jets.min() >= 0
    # Poisson of mean 20 and a half: within five standard errors, a false alarm in 10^6 seeds
    assert abs(vertices.mean() - 20.5) < 5 * np.sqrt(20 / 25)


def test_pileup_adds_the_pool_in_quadrature(values):
    """Of a pool of one collision of 10 GeV, turned at random: 20 of them are 10 sqrt(20 / 2) a component."""
    process = drell_yan_met.from_config({**values, "pileup": 20.0})
    rng = np.random.default_rng(0)
    sums = np.zeros((2000, 2))
    of = np.repeat(np.arange(2000), 20)
    turned = drell_yan_met.turn(np.tile([10.0, 0.0], (len(of), 1)), rng.uniform(0, 2 * np.pi, len(of)))
    for i in (0, 1):
        sums[:, i] = np.bincount(of, turned[:, i])
    # the error of a standard deviation of 4,000 numbers is 1.1 per cent
    assert abs(sums.std() / (10 * np.sqrt(10)) - 1) < 0.06
    assert process.pileup == 20.0


def test_wrong_configs_are_one_line(values):
    with pytest.raises(InputError, match="wrong: chain"):
        drell_yan_met.from_config({**values, "chain": "drell_yan_met"})
    with pytest.raises(InputError, match="expected pileup >= 0"):
        drell_yan_met.from_config({**values, "pileup": -1.0})
