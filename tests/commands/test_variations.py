"""A config's variations: trained beside the run, and parts of the covariance in the report and in evaluate."""

import json

import numpy as np
import pytest

from jaxunfold import evaluate, train
from jaxunfold.data.events import Events, write


@pytest.fixture
def files(tmp_path):
    """A simulation, the same with a shifted response, and data; the truth of all is N(0, 1)."""
    rng = np.random.default_rng(0)
    for name, shift in (("nominal", 0.0), ("shifted", 0.4), ("data", 0.0)):
        truth = rng.normal(size=(4000, 1)).astype(np.float32)
        reco = (truth + 0.3 * rng.normal(size=(4000, 1)) + shift).astype(np.float32)
        write(tmp_path / f"{name}.h5", Events(truth=truth, reco=reco, truth_names=("t",), reco_names=("r",)))
    (tmp_path / "config.py").write_text(
        "from jaxunfold import config as configs\n"
        "def get_config():\n"
        "    config = configs.load('configs/ibu.py:table')\n"
        "    config.model.iterations = 4\n"
        f"    config.variations = {{'response': ('{tmp_path}/shifted.h5',)}}\n"
        "    return config\n"
    )
    return tmp_path


def test_a_response_file_in_the_config_is_a_part_of_the_covariance(files, monkeypatch, capsys):
    """A response shifted by 0.4 moves the unfolded mean by -0.4: the part is the outer product of that shift."""
    monkeypatch.setattr("jaxunfold.report.page.write_report", lambda *args, **kwargs: None)
    argv = [
        "--config",
        str(files / "config.py"),
        "--data",
        str(files / "nominal.h5"),
        "--workdir",
        str(files / "run"),
    ]
    assert train.main(argv) == 0
    first = json.loads((files / "run" / "report" / "metrics.json").read_text())["covariance"]["t"]
    assert set(first["parts"]) == {"simulation", "response"}
    out = ["--workdir", str(files / "run"), "--data", str(files / "data.h5"), "--out", str(files / "out")]
    assert evaluate.main([*out, "--covariance"]) == 0
    entry = json.loads((files / "out" / "metrics.json").read_text())["covariance"]["t"]
    part, edges = np.array(entry["parts"]["response"]), np.array(entry["edges"])
    # one source moves all bins together: rank one, and what leaves the right comes to the left
    values = np.linalg.eigvalsh(part)
    assert values[-1] > 0
    assert abs(values[-2]) < 1e-6 * values[-1]
    centres = (edges[1:] + edges[:-1]) / 2
    low, high = centres < -0.5, centres > 0.5
    assert part[np.ix_(low, high)].sum() < 0
    np.testing.assert_allclose(np.array(entry["total"]), sum(map(np.array, entry["parts"].values())))
    # started again it finds everything done
    assert train.main(argv) == 0
    (files / "config.py").write_text((files / "config.py").read_text().replace("'response'", "'data'"))
    assert train.main(argv) == 2
    assert "variations.data: expected data files under a name of its own" in capsys.readouterr().err
