"""Hard processes alone: the decay tree's leaves in order, on their mass shells, balanced."""

import numpy as np
import pytest

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from jaxunfold import config, simulate
from jaxunfold.data import events as event_files
from jaxunfold.errors import InputError
from jaxunfold.simulation import hard_process

CONFIG = "configs/data/ttbar.py"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    out = tmp_path_factory.mktemp("t") / "ttbar.h5"
    assert simulate.main(["--config", CONFIG, "--events", "200", "--seed", "1", "--out", str(out)]) == 0
    return event_files.read(out, require_truth=True)


def mass(p):
    return np.sqrt(np.maximum(p[:, 0] ** 2 - np.sum(p[:, 1:] ** 2, -1), 0))


def test_masses_along_the_decay_tree(sample):
    assert sample.truth_names == ("b", "q1", "q2", "bbar", "q3", "q4")
    assert sample.reco.shape == (200, 0, 4)
    b, q1, q2, bbar, q3, q4 = sample.truth.astype(np.float64).transpose(1, 0, 2)
    for w, t in ((q1 + q2, b + q1 + q2), (q3 + q4, bbar + q3 + q4)):
        assert abs(np.median(mass(w)) - 80.4) < 1
        assert abs(np.median(mass(t)) - 173.0) < 1
    # float32 leaves a mass m an error of about 1e-7 E^2 / m
    assert np.abs(mass(b) - 4.8).max() < 1e-7 * (b[:, 0] ** 2).max() / 4.8
    assert np.abs(q1[:, 0] / np.linalg.norm(q1[:, 1:], axis=-1) - 1).max() < 1e-6


def test_transverse_momentum_balances(sample):
    total = sample.truth.astype(np.float64).sum(1)
    assert np.hypot(total[:, 1], total[:, 2]).max() < 1e-4 * 173


def test_wrong_configs_are_one_line():
    values = config.load(CONFIG).to_dict()
    values.pop("chain")
    for change, message in (
        ({"truth": ("b", "q1")}, "expected the leaves of decays"),
        ({"massless": ("t",)}, "resonances of two leaves, found 't'"),
        ({"pdg": {"t": 6}}, "two children and a code in pdg"),
        ({"seed": 1}, "wrong: seed"),
    ):
        with pytest.raises(InputError, match=message):
            hard_process.from_config({**values, **change})
    other = hard_process.from_config({**values, "pdg": {**values["pdg"], "t": 8}})
    with pytest.raises(InputError, match="expected code 8 in every event"):
        hard_process.simulate(other, 1, 1)


def test_photon_alone_has_no_peak_and_a_smaller_cross_section(tmp_path):
    """Pythia's Drell-Yan with and without the Z: two in three events of the one are at its mass, one in ten else."""
    found = {}
    for name in ("drell_yan", "drell_yan_photon"):
        out = tmp_path / f"{name}.h5"
        argv = ["--config", f"configs/data/{name}.py", "--events", "1000", "--seed", "1", "--out", str(out)]
        assert simulate.main(argv) == 0
        found[name] = event_files.read(out, require_truth=True)
    peak = {name: np.mean(np.abs(mass(e.truth.astype(np.float64).sum(1)) - 91.2) < 5) for name, e in found.items()}
    assert peak["drell_yan"] > 0.6
    assert peak["drell_yan_photon"] < 0.2
    both = [events.attrs["cross_section_pb"] for events in found.values()]
    assert 0.02 < both[1] / both[0] < 0.2
    assert found["drell_yan"].attrs["cross_section_error_pb"] < 0.05 * both[0]
