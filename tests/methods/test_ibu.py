"""Iterated Bayesian unfolding: an independent implementation, derivatives, pseudo-experiments, empty corners."""

import jax
import numpy as np
import pytest

from jaxunfold.binned.response import Response
from jaxunfold.data import toys
from jaxunfold.errors import InputError
from jaxunfold.methods import ibu
from jaxunfold.methods.ibu import response_covariance, unfold_histogram, unfold_histograms
from jaxunfold.types import Batch, Reco, Spec

CASES = {
    "square": toys.binned(8, 8, 0.7),
    "more reco bins": toys.binned(12, 7, 0.6, seed=1),
    "more truth bins": toys.binned(6, 9, 0.8, seed=2),
    "sloping efficiency": toys.binned(10, 10, 0.5, slope=0.6, seed=3),
    "little smearing, few events": toys.binned(15, 15, 0.9, smearing=0.02, total=500.0, seed=4),
}


@pytest.mark.parametrize("name", CASES)
def test_counts_agree_with_pyunfold(name):
    """pyunfold 0.5, https://github.com/jrbourbeau/pyunfold, an implementation of arXiv:1010.0632, every iteration."""
    from pyunfold import iterative_unfold

    response, prior, data, _ = CASES[name]
    efficiency = response.sum(axis=0)
    steps = iterative_unfold(
        data, np.sqrt(data), response, np.zeros_like(response), efficiency, np.zeros_like(efficiency),
        prior=prior, ts_stopping=1e-300, max_iter=6, return_iterations=True,
    )  # fmt: skip
    counts, _ = unfold_histogram(response, prior, data, 6)
    expected = np.stack(steps["unfolded"].to_numpy())
    np.testing.assert_allclose(counts[: len(expected)], expected, rtol=1e-10)
    assert len(expected) >= 5


@pytest.mark.parametrize("name", ["square", "more reco bins", "more truth bins"])
def test_covariance_is_that_of_the_whole_map(name):
    """J V J^T with J the derivative of all iterations at once by reverse mode, not the forward one carried along."""
    response, prior, data, _ = CASES[name]
    fakes = 0.05 * data
    with jax.enable_x64(True):
        slope = jax.jacrev(lambda d: unfold_histogram(response, prior, d, 4, fakes=fakes).counts)(data)
    variance = np.linspace(0.5, 2.0, len(data)) * data
    _, covariance = unfold_histogram(response, prior, data, 4, covariance=variance, fakes=fakes)
    expected = np.einsum("kij,j,klj->kil", slope, variance, slope)
    np.testing.assert_allclose(covariance, expected, rtol=1e-9, atol=1e-9 * expected.max())


def test_first_iteration_in_closed_form():
    """n_j = sum_i M_ji d_i, M_ji = lambda_ij p_j / (eps_j sum_l lambda_il p_l); covariance M V M^T without fakes."""
    response, prior, data, _ = CASES["square"]
    matrix = (response * prior / (response @ prior)[:, None] / response.sum(axis=0)).T
    counts, covariance = unfold_histogram(response, prior, data, 1)
    np.testing.assert_allclose(counts[0], matrix @ data, rtol=1e-12)
    np.testing.assert_allclose(covariance[0], matrix @ np.diag(data) @ matrix.T, rtol=1e-10, atol=1e-9)


def test_covariance_agrees_with_pseudo_experiments():
    """10,000 toys: a variance is known to sqrt(2 / 10,000) = 1.4 per cent, a correlation to 0.01; six standard errors
    over 36 numbers are exceeded by chance with probability 7e-8. Linear error propagation is good to a per cent here.
    """
    response, prior, _, truth = toys.binned(8, 8, 0.7, total=2e5)
    data = np.random.default_rng(1).poisson(response @ truth, (10000, 8)).astype(float)
    found = unfold_histograms(response, prior, data, 4)
    _, expected = unfold_histogram(response, prior, response @ truth, 4)
    for k in (0, 3):
        covariance = np.cov(found.counts[:, k].T)
        ratio = np.diag(covariance) / np.diag(expected[k])
        np.testing.assert_allclose(ratio, 1, atol=6 * 0.0142 + 0.01)
        scale = np.sqrt(np.outer(np.diag(expected[k]), np.diag(expected[k])))
        np.testing.assert_allclose(covariance / scale, expected[k] / scale, atol=6 * 0.0142 + 0.01)


def test_many_at_once_are_each_alone():
    response, prior, data, _ = CASES["more reco bins"]
    several = np.stack([data, data[::-1], 2 * data])
    many = unfold_histograms(response, prior, several, 3)
    for i, one in enumerate(several):
        alone = unfold_histogram(response, prior, one, 3)
        np.testing.assert_allclose(many.counts[i], alone.counts, rtol=1e-12)
        np.testing.assert_allclose(many.covariance[i], alone.covariance, rtol=1e-10, atol=1e-10)
    mapped = jax.jit(jax.vmap(lambda d: unfold_histogram(response, prior, d, 3).counts))(several.astype(np.float32))
    np.testing.assert_allclose(mapped, many.counts, rtol=1e-4)


def test_truth_is_a_fixed_point_and_the_yield_is_kept():
    """With data that are the folded truth, truth as the prior stays; any prior keeps sum eps n = sum data."""
    response, prior, _, truth = CASES["sloping efficiency"]
    data = response @ truth
    np.testing.assert_allclose(unfold_histogram(response, 3 * truth, data, 2).counts[-1], truth, rtol=1e-12)
    counts, _ = unfold_histogram(response, prior, data, 3)
    np.testing.assert_allclose(counts @ response.sum(axis=0), data.sum(), rtol=1e-12)


def test_fakes_are_one_cause_more():
    """Truth stays a fixed point when the expected fakes are in the data, and does not when they are not told."""
    response, _, _, truth = CASES["square"]
    fakes = np.linspace(100, 500, 8)
    data = response @ truth + fakes
    np.testing.assert_allclose(unfold_histogram(response, truth, data, 5, fakes=fakes).counts[-1], truth, rtol=1e-10)
    assert np.max(np.abs(unfold_histogram(response, truth, data, 5).counts[-1] / truth - 1)) > 0.05


def test_empty_bins_stay_finite():
    """A truth bin that is never measured and a reco bin that nothing fills."""
    response, prior, data, _ = (np.copy(a) for a in CASES["square"])
    response[:, 3] = 0
    response[5] = 0
    counts, covariance = unfold_histogram(response, prior, data, 4)
    assert np.isfinite(counts).all()
    assert np.isfinite(covariance).all()
    np.testing.assert_array_equal(counts[:, 3], 0)
    np.testing.assert_allclose(counts @ response.sum(axis=0), data.sum() - data[5])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prior": np.ones(3)}, "prior: expected shape"),
        ({"data": np.ones(3)}, "data: expected shape"),
        ({"response": np.ones((8, 8))}, "columns that sum to at most 1, found 8"),
        ({"response": -np.eye(8)}, "response: expected no negative numbers"),
        ({"data": np.full(8, np.nan)}, "data: expected finite numbers, found 8"),
        ({"num_iterations": 0}, "num_iterations: expected at least 1, found 0"),
        ({"covariance": np.ones((2, 2))}, "covariance: expected shape"),
    ],
)
def test_refusals(change, message):
    response, prior, data, _ = CASES["square"]
    arguments = {"response": response, "prior": prior, "data": data, "num_iterations": 2} | change
    with pytest.raises(InputError, match=message):
        unfold_histogram(**arguments)


def test_covariance_of_a_finite_simulation():
    """Against unfolding with 400 response matrices of simulations drawn anew. Either variance is known to
    sqrt(2 / 400) = 7 per cent, their ratio to 10: four standard errors over 8 bins, false alarm 5e-4."""
    toy = toys.binned(8, 8, 0.7, smearing=0.06)
    data, size = toy.response @ toy.truth, 500
    rng = np.random.default_rng(0)
    fates = np.concatenate([toy.response, 1 - toy.response.sum(axis=0, keepdims=True)])

    def simulated():
        drawn = np.stack([rng.multinomial(size, column / column.sum()) for column in fates.T], axis=1)
        return Response(drawn[:-1].astype(float), drawn[-1].astype(float), np.zeros(8))

    flat = np.full(8, 1.0)
    spread = np.var([unfold_histogram(simulated().matrix, flat, data, 3).counts[-1] for _ in range(400)], axis=0)
    found = np.mean(
        [np.diag(response_covariance(jax.random.key(i), simulated(), data, 3)[-1]) for i in range(10)], axis=0
    )
    np.testing.assert_allclose(found / spread, 1, atol=0.4)


def test_as_a_method_it_reweights_simulated_truth():
    """Simulation N(0.2, 0.8), data N(0, 1), smearing 0.5, one event in three lost. 40,000 events know a mean to 0.005
    each, unfolding and bins cost the rest; what is not unfolded keeps the simulation's shape given what is."""
    rng = np.random.default_rng(0)
    truth = rng.normal([0.2, 0.0], [0.8, 1.0], (40000, 2)).astype(np.float32)
    truth[:, 1] += 0.5 * truth[:, 0]
    seen = truth[:, :1] + 0.5 * rng.normal(size=(40000, 1)).astype(np.float32)
    passed = rng.uniform(size=40000) < 0.67
    data = (rng.normal(0, 1, (40000, 1)) + 0.5 * rng.normal(size=(40000, 1))).astype(np.float32)
    method = ibu.build(Spec(2, 1, ("a", "b")), column="a", iterations=6)
    state = method.init(jax.random.key(0), Batch(truth, Reco(seen), np.ones(40000, np.float32), None, passed))
    unfolded = method.unfold(jax.random.key(0), state, Reco(data), 1)
    weight = np.exp(np.asarray(unfolded.log_weights[0], np.float64))
    assert unfolded.samples.shape == (1, 40000, 2)
    mean = np.average(truth, axis=0, weights=weight)
    np.testing.assert_allclose(mean, [0.0, 0.0], atol=0.03)
    np.testing.assert_allclose(np.average((truth[:, 0] - mean[0]) ** 2, weights=weight) ** 0.5, 1.0, atol=0.04)
    np.testing.assert_allclose(np.sum(unfolded.info["counts"]), 40000 / 0.67, rtol=0.02)


def test_errors_of_the_method_shrink_with_the_fakes():
    """Half of the simulated and measured events are fakes, in every bin. Efficiency one keeps the yield, so that the
    sum over bins is sum_i (1 - f_i) d_i, whose variance is sum_i (1 - f_i)^2 d_i = N / 4 of N Poisson events. The
    fractions of 1,000 events a bin are known to 3 per cent, their average to 0.5."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1, (20000, 1)).astype(np.float32)
    inside = np.arange(20000) % 2 == 0
    method = ibu.build(Spec(1, 1, ("a",)), bins=10, reco_bins=20, iterations=3)
    state = method.init(jax.random.key(0), Batch(truth, Reco(truth), np.ones(20000, np.float32), inside, None))
    data = rng.normal(0, 1, (8000, 1)).astype(np.float32)
    info = method.unfold(jax.random.key(0), state, Reco(data), 1).info
    np.testing.assert_allclose(np.sum(info["counts"]), 4000, rtol=0.025)
    np.testing.assert_allclose(np.sum(info["covariance"]), 2000, rtol=0.05)


def test_a_bin_without_data_gets_no_weight():
    """Data above 1 and no smearing: nothing comes from below, and log-weights stay finite."""
    truth = np.random.default_rng(0).uniform(0, 2, (4000, 1)).astype(np.float32)
    method = ibu.build(Spec(1, 1, ("a",)), bins=4, reco_bins=4, iterations=3)
    state = method.init(jax.random.key(0), Batch(truth, Reco(truth), np.ones(4000, np.float32)))
    log_weights = np.asarray(
        method.unfold(jax.random.key(0), state, Reco(truth[truth[:, 0] > 1.1]), 1).log_weights[0]
    )
    assert np.isfinite(log_weights).all()
    assert np.exp(log_weights)[truth[:, 0] < 0.8].sum() < 1e-9


def test_method_refusals():
    with pytest.raises(InputError, match="ibu sees no single measured event"):
        ibu.build(Spec(1, 1, ("a",), relative=True))
    with pytest.raises(InputError, match="2 <= bins <= reco_bins"):
        ibu.build(Spec(1, 1, ("a",)), bins=30, reco_bins=20)
