"""The detector's formulas and towers against closed forms; false-alarm rates are those of five standard
errors."""

import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.simulation import cards, response
from jaxunfold.simulation.calorimeter import Tracks, measure

CARD = cards.ATLAS_333
NONE = Tracks(np.zeros(0, int), np.zeros(0), np.zeros(0))


def test_lookup_takes_the_first_row_that_holds():
    eta = np.array([0.0, 1.5, 1.6, 1.6, 2.6])
    pt = np.array([10.0, 10.1, 5.0, 50.0, 50.0])
    np.testing.assert_array_equal(
        response.lookup(CARD.electron_efficiency, eta, pt)[:, 0], [0.0, 0.95, 0.0, 0.85, 0.0]
    )


def test_resolutions_are_the_cards():
    one = np.ones(1)
    np.testing.assert_allclose(
        response.energy_resolution(CARD.hcal.resolution, 1.0 * one, 100 * one),
        np.sqrt((0.0302 * 100) ** 2 + 0.5205**2 * 100 + 1.59**2),
    )
    np.testing.assert_allclose(
        response.track_resolution(CARD.hadron_track_resolution, -2.0 * one, 10 * one),
        np.sqrt(0.25**2 + (3.1e-3 * 10) ** 2),
    )


def test_log_normal_has_the_mean_and_width_asked_for():
    rng = np.random.default_rng(0)
    draws = response.log_normal(rng, np.full(200_000, 10.0), np.full(200_000, 3.0))
    assert abs(draws.mean() - 10) < 5 * 3 / np.sqrt(200_000)
    assert abs(draws.std() - 3) < 0.06
    assert (draws > 0).all()
    assert response.log_normal(rng, np.zeros(1), np.ones(1))[0] == 0


def test_energy_fractions():
    pdg = np.array([22, -11, 211, 310, -12, 13, 130])
    np.testing.assert_allclose(response.energy_fraction(CARD.ecal.fractions, pdg), [1, 1, 0, 0.3, 0, 0, 0])
    np.testing.assert_allclose(response.energy_fraction(CARD.hcal.fractions, pdg), [0, 0, 1, 0.7, 0, 0, 1])


def photons(energy, eta, phi, event, rng, card=CARD.ecal, tracks=NONE):
    arrays = (np.asarray(x, float) for x in (energy, eta, phi))
    return measure(rng, card, np.full(len(energy), 22), *arrays, np.asarray(event), tracks)


def test_towers_hold_their_particles_and_events_stay_apart():
    towers = photons([50, 50, 50], [0.101, 0.102, 0.101], [0.2, 0.2, 0.2], [0, 0, 1], np.random.default_rng(1)).towers
    np.testing.assert_array_equal(towers.event, [0, 1])
    low = np.floor(0.101 / 0.0174) * 0.0174
    assert ((towers.eta >= low) & (towers.eta <= low + 0.0174)).all()
    assert (np.abs(towers.phi - 0.2) < np.pi / 180).all()
    assert (np.abs(towers.energy - [100, 50]) < 6).all()


def test_tower_energies_are_smeared_as_the_card_says():
    n = 20_000
    towers = photons(np.full(n, 40.0), np.full(n, 0.5), np.zeros(n), np.arange(n), np.random.default_rng(2)).towers
    sigma = np.sqrt((0.0017 * 40) ** 2 + 0.101**2 * 40)
    assert abs(towers.energy.mean() - 40) < 5 * sigma / np.sqrt(n)
    assert abs(towers.energy.std() / sigma - 1) < 5 / np.sqrt(2 * n)


def test_soft_towers_and_the_outside_are_not_seen():
    towers = photons([0.3, 100.0], [0.0, 5.1], [0.0, 0.0], [0, 1], np.random.default_rng(3)).towers
    assert len(towers.energy) == 1
    assert towers.energy[0] == 0


def test_a_poor_track_takes_the_towers_energy_and_a_good_one_its_share():
    rng = np.random.default_rng(4)
    tracks = Tracks(np.array([0]), np.array([50.0]), np.array([0.2]))
    poor = photons([40], [0.1], [0.1], [0], rng, tracks=tracks)
    np.testing.assert_allclose(poor.tracks.energy[0], poor.towers.energy[0])
    assert poor.towers.excess[0] == 0
    tracks = Tracks(np.array([0]), np.array([10.0]), np.array([1e-4]))
    good = photons([40], [0.1], [0.1], [0], rng, tracks=tracks)
    assert good.tracks.energy[0] == 10
    np.testing.assert_allclose(good.towers.excess[0], good.towers.energy[0] - 10)


def test_card_round_trip_and_its_errors():
    assert cards.from_dict(cards.to_dict(CARD)) == CARD
    with pytest.raises(InputError, match="magnet"):
        cards.from_dict({**cards.to_dict(CARD), "magnet": 1})


def test_rings_cover_the_detector_once():
    for calorimeter, reach in ((CARD.ecal, 5.0), (CARD.hcal, 4.9)):
        edges = np.array([row[0] for row in calorimeter.towers])
        assert (np.diff(edges) > 0.01).all()
        assert (edges[0], edges[-1]) == (-reach, reach)
