"""The method that docs/architecture.md shows in one file, run as a user would: its text is the one tested here."""

import importlib.util
import re
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy import stats

import jaxunfold
from jaxunfold import config as configs
from jaxunfold import methods, problem, train
from jaxunfold.data.events import Events, write
from jaxunfold.errors import InputError
from jaxunfold.types import Spec

ROOT = Path(__file__).parents[2]
# truth ~ N(MEAN, SPREAD), reco = truth SMEAR^T + NOISE n: the posterior is normal with this covariance
MEAN, SPREAD = np.array([80.0, -3.0]), np.array([[25.0, 3.0], [3.0, 1.0]])
SMEAR, NOISE = np.array([[1.0, 0.5], [-0.2, 2.0], [0.3, 0.0]]), 2.0
COVARIANCE = np.linalg.inv(np.linalg.inv(SPREAD) + SMEAR.T @ SMEAR / NOISE**2)
EVENTS = 4000


def sample(n, seed):
    rng = np.random.default_rng(seed)
    truth = rng.multivariate_normal(MEAN, SPREAD, n)
    reco = truth @ SMEAR.T + NOISE * rng.normal(size=(n, 3))
    names = {"truth_names": ("mass", "y"), "reco_names": ("a", "b", "c")}
    return Events(reco.astype(np.float32), truth.astype(np.float32), **names)


def posterior_mean(reco):
    return MEAN + (reco - MEAN @ SMEAR.T) @ SMEAR @ COVARIANCE / NOISE**2


@pytest.fixture
def gauss(tmp_path, monkeypatch):
    """The example as a module, and under its name among the methods."""
    text = (ROOT / "docs/architecture.md").read_text()
    code = re.search(r"<!-- example: \S*test_adding_a_method.py.*?-->\n```python\n(.*?)```", text, re.DOTALL).group(1)
    (tmp_path / "gauss.py").write_text(code)
    spec = importlib.util.spec_from_file_location("gauss", tmp_path / "gauss.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(methods.METHODS, "gauss", module.build)
    return module


def gauss_config(data, **model):
    config = configs.load(ROOT / "configs/table.py")
    config.method, config.model = "gauss", model
    config.data.update({"path": str(data), "test": 0})
    config.preprocess.scaling = "standard"
    config.optimizer.update({"learning_rate": 0.05, "weight_decay": 0.0})
    config.training.update({"batch_size": 400, "epochs": 40})
    return config


def test_the_example_trains_loads_and_finds_the_posterior(gauss, tmp_path):
    """The bounds are for 3600 training events: a slope is known to 1 / sqrt(3600) of the posterior's width."""
    write(tmp_path / "toy.h5", sample(EVENTS, 0))
    train.train(gauss_config(tmp_path / "toy.h5", start_width=0.5), str(tmp_path / "run"))
    run = jaxunfold.load(tmp_path / "run")
    events = sample(500, 1)
    post = run.unfold(jax.random.key(0), events.reco, num_draws=400)
    assert post.samples.shape == (500, 400, 2)
    residual = (post.samples - posterior_mean(events.reco)[:, None]) / np.sqrt(np.diag(COVARIANCE))
    # 400 draws: 0.05 per event; the regression's error adds 1 / sqrt(3600) per coefficient
    assert np.abs(residual.mean(axis=(0, 1))).max() < 0.05
    assert residual.mean(axis=1).std(axis=0).max() < 0.1
    correlation = COVARIANCE / np.sqrt(np.outer(np.diag(COVARIANCE), np.diag(COVARIANCE)))
    np.testing.assert_allclose(np.cov(residual.reshape(-1, 2).T), correlation, atol=0.1)
    # in physical units: the standardisation's determinant is part of it
    exact = stats.multivariate_normal(cov=COVARIANCE).logpdf(events.truth - posterior_mean(events.reco))
    difference = run.log_prob(events.truth, events.reco) - exact
    assert abs(difference.mean()) < 0.02
    assert difference.std() < 0.1
    np.testing.assert_allclose(run.posterior(events.reco).log_prob(events.truth) - exact, difference, atol=1e-4)


def test_an_option_that_does_not_fit_is_one_line(gauss):
    spec = Spec(2, 3, ("mass", "y"))
    with pytest.raises(InputError, match=r"config\.model: 'gauss' cannot be built so: .*start_widht"):
        problem.make_method(gauss_config("toy.h5", start_widht=1.0), spec)
