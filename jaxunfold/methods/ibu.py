"""Iterated Bayesian unfolding: D'Agostini's method for histograms, in double precision.

D'Agostini, arXiv:1010.0632; thesis Eqs. (1.30) to (1.37). The mathematics is in ``binned.bayes``; ``build`` makes a
method of it, which reweights simulated truth in bins of one quantity.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from jaxunfold.binned import bayes
from jaxunfold.binned.response import Response, bin_of, fill_response
from jaxunfold.binned.stopping import stop_by_correlation
from jaxunfold.errors import InputError
from jaxunfold.methods import simulation
from jaxunfold.methods.measured import require_measured
from jaxunfold.methods.simulation import Simulation
from jaxunfold.training import feed
from jaxunfold.types import Batch, Key, Method, Spec, Unfolded

EMPTY = 1e-20
"""Share of a truth bin that is empty after unfolding, for a logarithm that is finite."""

_compiled = jax.jit(bayes.unfold_with_covariance, static_argnames="num_iterations")


def unfold_histogram(
    response: ArrayLike,
    prior: ArrayLike,
    data: ArrayLike,
    num_iterations: int,
    *,
    covariance: ArrayLike | None = None,
    fakes: ArrayLike | None = None,
) -> bayes.Histogram:
    """Unfold a histogram; counts and covariance after every iteration.

    Args:
      response: P(reco bin i | truth bin j), [n_reco, n_truth]; its columns sum to the efficiencies, at most one.
      prior: Truth histogram to start from, [n_truth], of any normalisation.
      data: Measured counts, [n_reco]; weighted events need a covariance.
      num_iterations: How many, at least 1.
      covariance: Of the data, [n_reco, n_reco], or its diagonal [n_reco]; Poisson (the data) where None.
      fakes: Events without truth that are expected in each reco bin, [n_reco]; None for none.
    Returns: ``Histogram(counts [k, n_truth], covariance [k, n_truth, n_truth])`` in float64. Truth bins of no
      efficiency, and of no prior, hold zero; data in a reco bin that no cause can fill is left out.
    Raises: InputError naming the argument that does not fit.

    It may be traced: ``jax.vmap(lambda d: unfold_histogram(response, prior, d, 10))(toys)``, then in the precision of
    the trace; for thousands of toys in double precision see ``unfold_histograms``.

    Example:
      >>> response = np.array([[0.8, 0.2], [0.2, 0.8]])
      >>> found = unfold_histogram(response, prior=np.ones(2), data=np.array([68.0, 32.0]), num_iterations=50)
      >>> found.counts[-1].round(1)  # the truth was (80, 20)
      array([80., 20.])
      >>> [np.sqrt(np.diag(found.covariance[k])).round(1).tolist() for k in (0, 49)]  # iterating costs variance
      [[6.7, 4.8], [11.2, 8.0]]
    """
    with jax.enable_x64(True):
        arrays = _checked(response, prior, data, num_iterations, covariance, fakes)
        result = _compiled(*arrays, num_iterations=num_iterations)
    return jax.tree.map(lambda a: a if isinstance(a, jax.core.Tracer) else np.asarray(a), result)


def unfold_histograms(
    response: ArrayLike, prior: ArrayLike, data: ArrayLike, num_iterations: int, *, fakes: ArrayLike | None = None
) -> bayes.Histogram:
    """The same of many data histograms [m, n_reco] with Poisson errors, in one program: arrays [m, k, ...]."""
    with jax.enable_x64(True):
        response, prior, _, _, fakes = _checked(response, prior, data[0], num_iterations, None, fakes)
        data = jnp.asarray(np.asarray(data, np.float64))
        _refuse_values({}, signed={"data": data})
        return jax.tree.map(np.asarray, _many(response, prior, data, fakes, num_iterations))


def response_covariance(
    key: Key,
    simulated: Response,
    data: ArrayLike,
    num_iterations: int,
    *,
    fakes: ArrayLike | None = None,
    num_samples: int = 200,
) -> np.ndarray:
    """Covariance of the unfolded counts from the simulation's finite statistics, [k, n_truth, n_truth].

    The data are unfolded with response matrices that the simulation allows, Eq. (1.37) with the integral over Lambda
    done by sampling (arXiv:1010.0632, section 3); the prior stays.

    Args:
      key: A typed key. simulated: Unweighted events, see ``binned.response.fill_response``.
      data: [n_reco]. num_iterations, fakes: As for ``unfold_histogram``. num_samples: How many matrices.
    """
    with jax.enable_x64(True):
        arrays = _checked(simulated.matrix, simulated.truth, data, num_iterations, None, fakes)
        _, prior, data, _, fakes = arrays
        counts, missed = (jnp.asarray(a, jnp.float64) for a in (simulated.counts, simulated.missed))
        return np.asarray(_sampled(key, counts, missed, prior, data, fakes, num_iterations, num_samples))


@partial(jax.jit, static_argnums=(6, 7))
def _sampled(key, counts, missed, prior, data, fakes, num_iterations, num_samples):
    samples = bayes.sample_response(key, counts, missed, num_samples)
    unfolded = jax.vmap(lambda r: bayes.unfold(r, prior, data, fakes, num_iterations))(samples)
    off = unfolded - jnp.mean(unfolded, axis=0)
    return jnp.einsum("ski,skj->kij", off, off) / (num_samples - 1)


@partial(jax.jit, static_argnums=4)
def _many(response, prior, data, fakes, num_iterations):
    def one(d):
        return bayes.unfold_with_covariance(response, prior, d, jnp.diag(d), fakes, num_iterations)

    # pieces keep the Jacobians of a piece in the cache
    return jax.lax.map(one, data, batch_size=8)


def _checked(response, prior, data, num_iterations, covariance, fakes):
    """The arguments as float64 arrays of the right shapes."""
    response, prior, data = (jnp.asarray(a, jnp.float64) for a in (response, prior, data))
    if response.ndim != 2:
        raise InputError(f"response: expected [n_reco, n_truth], found shape {response.shape}")
    n_reco, n_truth = response.shape
    fakes = jnp.zeros(n_reco) if fakes is None else jnp.asarray(fakes, jnp.float64)
    covariance = data if covariance is None else jnp.asarray(covariance, jnp.float64)
    covariance = jnp.diag(covariance) if covariance.ndim == 1 else covariance
    shapes = {"prior": (prior, (n_truth,)), "data": (data, (n_reco,)), "fakes": (fakes, (n_reco,))}
    shapes["covariance"] = (covariance, (n_reco, n_reco))
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            raise InputError(
                f"{name}: expected shape {shape} beside a response {response.shape}, found {array.shape}"
            )
    if num_iterations < 1:
        raise InputError(f"num_iterations: expected at least 1, found {num_iterations}")
    _refuse_values(
        {"response": response, "prior": prior, "fakes": fakes}, signed={"data": data, "covariance": covariance}
    )
    efficiency = jnp.sum(response, axis=0)
    if not isinstance(efficiency, jax.core.Tracer) and np.max(efficiency) > 1 + 1e-6:
        raise InputError(f"response: expected columns that sum to at most 1, found {float(np.max(efficiency)):.6g}")
    return response, prior, data, covariance, fakes


def _refuse_values(positive, signed=None):
    """Refuse what is not finite, and negative numbers of the first; a traced array has no values yet."""
    for name, array in (positive | (signed or {})).items():
        if isinstance(array, jax.core.Tracer):
            continue
        values = np.asarray(array)
        if not np.isfinite(values).all():
            raise InputError(
                f"{name}: expected finite numbers, found {np.count_nonzero(~np.isfinite(values))} others"
            )
        if name in positive and (values < 0).any():
            raise InputError(f"{name}: expected no negative numbers, found {values.min():g}")


class State(NamedTuple):
    """sim: the simulation. column: the quantity that is unfolded, of its truth events, [n, 1]."""

    sim: Simulation
    column: Any


def build(
    spec: Spec, optimizer: Any = None, *, column: str = "", bins: int = 20, reco_bins: int = 40, iterations: int = 0
) -> Method:
    """IBU as a method: simulated truth, weighted by unfolded over simulated counts in bins of one quantity.

    All else keeps the simulation's shape given that quantity. At reco level it is binned in its best quadratic
    prediction from the features, and both binnings hold equally many simulated events a bin. Of the data in a reco
    bin, the fraction that is fakes in the simulation is taken away, and their errors with it.

    Args:
      spec: The problem. optimizer: Not used.
      column: A coordinate or observable; "" for the first coordinate.
      bins, reco_bins: Of truth and reco; reco_bins at least as many. iterations: 0 lets the smallest average global
        correlation within 20 decide; ``unfold`` says so if it lies beyond.
    Raises: InputError for an option out of range or coordinates relative to the measured event.
    """
    require_measured(spec, "ibu")
    simulation.refuse_relative(spec, "ibu")
    if not 2 <= bins <= reco_bins or iterations < 0:
        raise InputError(
            f"bins, iterations: expected 2 <= bins <= reco_bins and iterations >= 0, found {bins}, {reco_bins} "
            f"and {iterations}"
        )
    name = column or spec.names[0]

    def init(key, batch: Batch) -> State:
        return State(simulation.keep(batch), simulation.columns(spec, batch, (name,)))

    def fit(key, loop) -> State:
        return init(key, feed.everything(loop.train))

    def unfold(key, state: State, reco, num_draws: int) -> Unfolded:
        sim, truth = jax.tree.map(lambda x: np.asarray(x, np.float64 if x.dtype != bool else bool), state)
        slope = simulation.measured_counterpart(truth, sim)
        # what does not pass has place holders, which no bin looks at
        seen = (simulation.quadratic(sim.features) @ slope)[:, 0]
        data = (simulation.quadratic(np.asarray(reco.features, np.float64)) @ slope)[:, 0]
        weight = np.ones(len(data)) if reco.weight is None else np.asarray(reco.weight, np.float64)
        edges = np.unique(np.quantile(truth[sim.pass_truth, 0], np.linspace(0, 1, bins + 1)))
        reco_edges = np.unique(np.quantile(seen[sim.pass_reco], np.linspace(0, 1, reco_bins + 1)))
        response = fill_response(truth[:, 0], seen, edges, reco_edges, sim.weight, sim.pass_truth, sim.pass_reco)
        where = bin_of(data, reco_edges)
        counts, variance = (np.bincount(where, w, len(reco_edges) - 1) for w in (weight, weight**2))
        # scaled, and not given as ``fakes``, which hold no fluctuation of the data
        signal = 1 - response.fake_fraction
        unfolded = unfold_histogram(
            response.matrix, response.truth, signal * counts, iterations or 20,
            covariance=signal**2 * np.maximum(variance, 1e-9),
        )  # fmt: skip
        chosen = iterations or stop_by_correlation(unfolded.covariance)
        result = unfolded.counts[chosen - 1]
        if (result < 0).any() or not result.sum() > 0:
            raise InputError(f"bins: expected no negative counts in a truth bin, found {result.min():g}: use fewer")
        # a bin that no measured event can come from: its events stay, with a weight of nothing
        shares = np.maximum(result / result.sum(), EMPTY)
        ratio = np.log(shares) - np.log(response.truth / response.truth.sum())
        info = {"edges": edges, "counts": result, "covariance": unfolded.covariance[chosen - 1], "chosen": chosen}
        return simulation.reweighted(state.sim, ratio[bin_of(truth[:, 0], edges)], info)

    return Method(fit, unfold, init=init, whole_sample=True)
