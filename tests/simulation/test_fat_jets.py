"""Large jets and their declusterings: three particles in closed form, a small sample, the command and its file."""

import numpy as np
import pytest

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from jaxunfold import config, simulate
from jaxunfold.data import declusterings
from jaxunfold.errors import InputError
from jaxunfold.simulation import fat_jets, multi_jets

CONFIG = "configs/data/fat_jets.py"


def massless(pt, eta, phi):
    pt, eta, phi = map(np.asarray, (pt, eta, phi))
    return np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], -1)


def test_declusterings_of_three_particles():
    """The far one is split off first; of the two near ones the softer has kT = 50 * 0.1."""
    p = massless([400.0, 50.0, 20.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.6])
    found = fat_jets.find(p, np.zeros(3, int), 1, 1.0, 100.0)
    assert len(found.momentum) == 1
    jets = fat_jets.decluster(found, np.array([0]), 4)
    assert (jets.kt[0] > 0).tolist() == [True, True, False, False]
    np.testing.assert_allclose([jets.delta[0, 1], jets.kt[0, 1]], [0.1, 5.0], rtol=1e-6)
    np.testing.assert_allclose(jets.delta[0, 0], np.hypot(0.6, 50 * 0.1 / 450), rtol=1e-3)
    np.testing.assert_allclose(jets.kt[0, 0], 20 * jets.delta[0, 0], rtol=1e-6)
    total = p.sum(0)
    np.testing.assert_allclose(jets.mass, [np.sqrt(total[0] ** 2 - np.sum(total[1:] ** 2))], rtol=1e-6)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    out = tmp_path_factory.mktemp("j") / "w.h5"
    argv = ["--config", f"{CONFIG}:w", "--config.batch=60", "--events", "40", "--seed", "1", "--out", str(out)]
    assert simulate.main(argv) == 0
    return declusterings.read(out)


def test_boosted_w_in_both_levels(sample):
    truth, reco, attrs = sample
    assert attrs["process"] == "w_jets"
    assert len(truth.pt) == len(reco.pt) == 40
    assert ((truth.pt > 500) & (truth.pt < 600)).all()
    # a W in one jet, with what the shower adds; lower after the detector, whose response is below one
    assert abs(np.median(truth.mass) - 83) < 8
    assert np.median(reco.pt) < np.median(truth.pt)
    for jets in (truth, reco):
        there = jets.kt > 0
        assert there.sum(1).min() >= 2
        assert (np.diff(there.astype(int), axis=1) <= 0).all()
        # kT = pT,soft Delta of the softer of two branches: at most half of the jet's
        assert (jets.kt <= 0.5 * jets.pt[:, None] * jets.delta * 1.05).all()


def test_wrong_configs_and_files_are_one_line(tmp_path):
    values = config.load(CONFIG).to_dict()
    with pytest.raises(InputError, match="wrong: chain"):
        fat_jets.from_config(values)
    values.pop("chain")
    with pytest.raises(InputError, match="0 < pt_min_gev < pt_max_gev"):
        fat_jets.from_config({**values, "pt_max_gev": 100.0})
    with pytest.raises(InputError, match="batch of 1 or more"):
        fat_jets.from_config({**values, "batch": 0})
    with pytest.raises(InputError, match="expected a file of jets"):
        declusterings.read(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(InputError, match="expected an HDF5 file"):
        declusterings.read(tmp_path / "text.h5")


@pytest.fixture(scope="module")
def two_jets():
    values = config.load("configs/data/multi_jets.py").to_dict()
    values.pop("chain")
    return multi_jets.from_config({**values, "batch": 100})


def test_the_leading_jets_are_turned_to_azimuth_zero(two_jets):
    p = np.concatenate(
        [massless([300.0, 250.0, 60.0, 400.0], [0.5, -1.0, 0.0, 4.0], [2.0, 2.0 - np.pi + 0.3, 0.5, 1])]
    )
    two, ht = multi_jets.leading(two_jets, p, np.zeros(4, int), 1)
    np.testing.assert_allclose(ht, [610.0])  # the forward one does not count
    table, kept = multi_jets.select(two_jets, two, ht)
    assert kept.tolist() == [0]
    np.testing.assert_allclose(table[0], [300, 0.5, 0, 250, -1.0, 0, 0.3], atol=1e-3)
    for change in ({"ht_min_gev": 700.0}, {"deta_max": 1.3}, {"mass_min_gev": 1000.0}):
        assert not len(multi_jets.select(two_jets._replace(**change), two, ht)[1])


def test_multi_jets_pass_their_cuts(two_jets):
    events = multi_jets.simulate(two_jets, 1, 20)
    assert events.truth_names == multi_jets.COLUMNS
    assert events.weight is None
    pt = events.truth[:, [0, 3]]
    assert (pt[:, 1] <= pt[:, 0]).all()
    assert pt.min() > 50
    assert np.abs(events.truth[:, [1, 4]]).max() < 2.5


def test_wrong_configs_of_multi_jets_are_one_line():
    values = config.load("configs/data/multi_jets.py:tail").to_dict()
    values.pop("chain")
    with pytest.raises(InputError, match="positive radius"):
        multi_jets.from_config({**values, "radius": 0.0})
    with pytest.raises(InputError, match="wrong: seed"):
        multi_jets.from_config({**values, "seed": 0})
