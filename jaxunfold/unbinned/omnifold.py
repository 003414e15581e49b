r"""OmniFold: unbinned unfolding in any number of dimensions by reweighting the simulation to the data, iterated.

Thesis Eqs. (1.38) to (1.41); Andreassen, Komiske, Metodiev, Nachman, Thaler, arXiv:1911.09107. With the simulation's
weights w and truth-level weights nu_0 = 1, iteration n trains two classifiers:

    step 1, reco:   omega_n(m) = nu_{n-1}(t) L[data, nu_{n-1} w](m)      L[p, q] = p / q, from a classifier's logit
    step 2, truth:  nu_n(t) = L[omega_n w, w](t)

Step 2 is Eq. (1.40) with both arguments divided by nu_{n-1}: the same function, without errors that multiply up.
Iterated Bayesian unfolding is the special case of bins (Eq. 1.41), and the other parts of a measurement are chosen to
agree with it:

*Efficiency*: a truth event that was not measured gets the average weight of those that were, at its truth (Andreassen
et al., arXiv:2105.09923). No classifier of its own is needed for that: the average is what step 2 learns from the
events that were measured. *Acceptance*: measured events without truth are taken to be the fraction of the data, at
each measured point, that they are of the simulation, or else at the simulation's own rate (``fakes``). *Background*
enters the data side of step 1 with negative weight.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxunfold.errors import InputError
from jaxunfold.losses.classifier import binary_cross_entropy
from jaxunfold.metrics.weights import weight_health
from jaxunfold.training import classifier as ratios
from jaxunfold.unbinned.samples import Simulation, measured, simulation, standardised

FAKES = ("fraction", "rate")


class Options(NamedTuple):
    """How OmniFold is run.

    iterations: At most so many. stop: end where the data can no longer be told from the reweighted simulation.
    hidden, activation: Of both steps' networks. learning_rate: Peak of every training, falls to 0 along a cosine.
    epochs, batch_size: Of one training. warm: start a step from the iteration before, else from a ratio of one.
    warm_epochs: Epochs from the second iteration on; None for as many as in the first.
    members: Networks whose logits are averaged at every step.
    replicas: Bootstrap replicas beside the nominal result, in which every event of data, background and simulation
      counts a Poisson number of times.
    held_out: Fraction of the reco rows that step 1 is not trained on; they say when to stop, and 0 cannot.
    fakes: "fraction" of the data at each measured point, or "rate" as simulated.
    """

    iterations: int = 4
    stop: bool = False
    hidden: Sequence[int] = (64, 64)
    activation: str = "silu"
    learning_rate: float = 2e-3
    epochs: int = 10
    batch_size: int = 512
    warm: bool = True
    warm_epochs: int | None = None
    members: int = 1
    replicas: int = 0
    held_out: float = 0.1
    fakes: str = "fraction"


def checked(options: Options) -> Options:
    """The options, hashable. Raises: InputError naming the one that does not fit."""
    for name in ("iterations", "epochs", "batch_size", "members"):
        if getattr(options, name) < 1:
            raise InputError(f"{name}: expected at least 1, found {getattr(options, name)}")
    if options.fakes not in FAKES:
        raise InputError(f"fakes: expected one of {', '.join(FAKES)}, found {options.fakes!r}")
    if not 0 <= options.held_out < 1 or (options.stop and not options.held_out):
        raise InputError(f"held_out: expected a fraction below 1, above 0 in order to stop, found {options.held_out}")
    return options._replace(hidden=tuple(options.hidden))


class Result(NamedTuple):
    """Of every iteration that was run, [i]; n_sim counts all simulated events.

    log_weights: [i, n_sim], log nu_n of the truth-level weights, to be multiplied with the events' own; their
      normalisation is that of the data. Zero for events that do not pass at truth level.
    replicas: [i, replicas, n_sim], the same of every bootstrap replica.
    ess, max_share: Health of the weights, see ``metrics.weights``.
    gain, gain_error: How much better than a ratio of one step 1 predicted held-out events (nats per event): what was
      left to unfold before this iteration.
    chosen: Number of the iteration to use, from 1; 0 for the simulation as it is.
    """

    log_weights: np.ndarray
    replicas: np.ndarray
    ess: np.ndarray
    max_share: np.ndarray
    gain: np.ndarray
    gain_error: np.ndarray
    chosen: int

    @property
    def final(self) -> np.ndarray:
        """Log-weights of the chosen iteration, [n_sim]."""
        return self.log_weights[self.chosen - 1] if self.chosen else np.zeros_like(self.log_weights[0])


class Step(NamedTuple):
    """One of the two trainings, the same at every iteration, compiled once.

    size: Rows of a batch. train: (params [r, e, ...], x [n, d], weight [r, n], against [r, n],
    strides [r, e, epochs]) -> params.
    predict: (params, x [m, d]) -> logits [r, m], averaged over the ensemble.
    """

    classifier: ratios.Classifier
    size: int
    train: Callable
    predict: Callable


@lru_cache(maxsize=32)
def make_step(inputs: int, num_train: int, epochs: int, options: Options) -> Step:
    """A training on the first ``num_train`` rows; r = replicas + 1, e = members of the ensemble."""
    size = min(options.batch_size, num_train)
    schedule = optax.cosine_decay_schedule(options.learning_rate, epochs * (num_train // size))
    net = ratios.build(inputs, optax.adam(schedule), options.hidden, options.activation)

    def replica(params, x, weight, against, stride):
        data = ratios.TwoSamples(x[:num_train], weight[:num_train], against[:num_train])
        totals = jnp.sum(data.weight), jnp.sum(data.against)
        # both samples count as much as there are rows; ``_normalised`` takes care of the ratio of their sums
        data = data._replace(
            weight=data.weight * (num_train / totals[0]), against=data.against * (num_train / totals[1])
        )
        train = partial(ratios.train, net, data=data, batch_size=size)
        return jax.vmap(lambda p, s: train(net.start(p), stride=s).params)(params, stride)

    def predict(params, x):
        each = jax.vmap(jax.vmap(net.log_ratio, (0, None)), (0, None))
        pieces = min(len(x), ratios.PREDICT_ROWS)
        return jax.lax.map(lambda row: jnp.mean(each(params, row), axis=1), x, batch_size=pieces).T

    train = jax.vmap(replica, (0, None, 0, 0, 0))
    return Step(net, size, jax.jit(train), jax.jit(predict))


def _normalised(logits, weight, total, rows=slice(None)):
    """Logits [r, n] plus a constant, so that weight * exp(logits) of ``rows`` sums to ``total`` [r].

    The exact ratio of two densities does that where one covers the other; a network misses it by as much as its
    training is short.
    """
    return logits + jnp.log(total / jnp.sum(weight * jnp.exp(logits[:, rows]), axis=1))[:, None]


@jax.jit
def _gain(logits, weight, against):
    """Mean over rows of how much better than logit 0 the logits are, and its standard error; the nominal replica."""
    weight, against = weight / jnp.mean(weight), against / jnp.mean(against)
    better = binary_cross_entropy(jnp.zeros_like(logits), weight, against)
    better = better - binary_cross_entropy(logits, weight, against)
    return jnp.mean(better), jnp.std(better) / jnp.sqrt(len(better))


def _without_fakes(rng, sim: Simulation, data, data_weight, options: Options):
    """The measured sample without the events that have no truth (see the top of the file)."""
    fakes, both = ~sim.pass_truth & sim.pass_reco, sim.pass_truth & sim.pass_reco
    if not fakes.any():
        return data, data_weight
    if options.fakes == "rate":
        return np.concatenate([data, sim.reco[fakes]]), np.concatenate([data_weight, -sim.weight[fakes]])
    rows, x = standardised(sim.reco[sim.pass_reco], data)
    weight = sim.weight[sim.pass_reco]
    passes = both[sim.pass_reco]
    order = rng.permutation(len(rows))
    step = make_step(rows.shape[1], len(rows), options.epochs, options)
    params = ratios.many_params(rng, step.classifier, (1, 1))
    strides = ratios.strides(rng, len(rows), step.size, (1, 1, options.epochs))
    signal, fake = (jnp.asarray((weight * flag)[None, order], jnp.float32) for flag in (passes, ~passes))
    params = step.train(params, jnp.asarray(rows[order]), signal, fake, strides)
    # not ``_normalised``: there may be no fakes where the signal is
    log_ratio = step.predict(params, jnp.asarray(x))[0] + jnp.log(jnp.sum(signal) / jnp.sum(fake))
    return data, data_weight * np.asarray(jax.nn.sigmoid(log_ratio), np.float64)


def unfold_events(
    key: Any,
    sim_truth: np.ndarray,
    sim_reco: np.ndarray,
    data_reco: np.ndarray,
    *,
    sim_weight: np.ndarray | None = None,
    pass_truth: np.ndarray | None = None,
    pass_reco: np.ndarray | None = None,
    data_weight: np.ndarray | None = None,
    background_reco: np.ndarray | None = None,
    background_weight: np.ndarray | None = None,
    options: Options = Options(),  # noqa: B008
    note: Callable[[str], None] | None = None,
) -> Result:
    """Weights of the simulation's truth events that make its reco events look like the data.

    Args:
      key: A typed key.
      sim_truth, sim_reco: Simulated events [n_sim, d] and [n_sim, r], in any units, paired.
      data_reco: Measured events [n_data, r].
      sim_weight, data_weight, background_weight: Of any sign; None for one each. Background counts as it is expected
        in the data.
      pass_truth, pass_reco: Of simulated events [n_sim]; None for all. What does not pass is not looked at.
      background_reco: Simulated background [n_background, r].
      options: See ``Options``. note: Called with a line on every iteration.
    Returns: Result.
    Raises: InputError for shapes and options that do not fit, or weights that are not finite.
    """
    options = checked(options)
    sim = simulation(sim_truth, sim_reco, sim_weight, pass_truth, pass_reco)
    data, data_weight = measured(sim, data_reco, data_weight, background_reco, background_weight)
    # everything random is drawn by numpy: orders, strides, starting parameters
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    data, data_weight = _without_fakes(rng, sim, data, data_weight, options)
    # rows of step 1: the simulation, then the data; of step 2: truth events that were measured
    both, at_truth = sim.pass_truth & sim.pass_reco, np.flatnonzero(sim.pass_truth)
    reco = np.concatenate(standardised(sim.reco[both], data))
    truth, seen = standardised(sim.truth[at_truth])[0], np.flatnonzero(both[at_truth])
    num_sim, r = len(seen), options.replicas + 1

    def counts(n):
        return np.concatenate([np.ones((1, n)), rng.poisson(1.0, (r - 1, n))])

    sim_w = jnp.asarray(sim.weight[both] * counts(num_sim), jnp.float32)
    data_w = jnp.asarray(data_weight * counts(len(data)), jnp.float32)
    orders = [jnp.asarray(rng.permutation(n)) for n in (len(reco), num_sim)]
    x = [jnp.asarray(reco)[orders[0]], jnp.asarray(truth)[seen][orders[1]]]
    truth, seen, reco = jnp.asarray(truth), jnp.asarray(seen), jnp.asarray(reco[:num_sim])
    num_train = [len(reco) - round(options.held_out * len(reco)), num_sim]
    zeros, params = (jnp.zeros_like(sim_w), jnp.zeros_like(data_w)), [None, None]

    def fit(i, n, weight, against):
        """Train step i of iteration n; returns the trained step and its rows' weights."""
        warm = options.warm and n > 0
        epochs = options.warm_epochs if warm and options.warm_epochs is not None else options.epochs
        step = make_step(x[i].shape[1], num_train[i], epochs, options)
        if not warm:
            params[i] = ratios.many_params(rng, step.classifier, (r, options.members))
        strides = ratios.strides(rng, num_train[i], step.size, (r, options.members, epochs))
        weight, against = weight[:, orders[i]], against[:, orders[i]]
        params[i] = step.train(params[i], x[i], weight, against, strides)
        return step, weight, against

    log_nu, out, chosen = jnp.zeros((r, len(at_truth))), [], 0
    for n in range(options.iterations):
        nu = jnp.exp(log_nu[:, seen])
        rows = jnp.concatenate([zeros[0], data_w], axis=1), jnp.concatenate([sim_w * nu, zeros[1]], axis=1)
        step, *rows = fit(0, n, *rows)
        gain = (np.nan, np.nan)
        if options.held_out:
            held = slice(num_train[0], None)
            logits = step.predict(params[0], x[0][held])
            gain = [float(value) for value in _gain(logits[0], *(weights[0, held] for weights in rows))]
        log_ratio = _normalised(step.predict(params[0], reco), sim_w * nu, jnp.sum(data_w, axis=1))
        omega = nu * jnp.exp(log_ratio)
        step, *_ = fit(1, n, sim_w * omega, sim_w)
        log_nu = _normalised(step.predict(params[1], truth), sim_w, jnp.sum(sim_w * omega, axis=1), seen)
        everything = np.zeros((r, len(sim.weight)), np.float32)
        everything[:, at_truth] = log_nu
        healths = [weight_health(values, sim.weight[at_truth]) for values in everything[:, at_truth]]
        out.append((everything[0], everything[1:], *healths[0], *gain))
        if note is not None:
            note(
                f"omnifold iteration {n + 1}: {gain[0]:.1e} +- {gain[1]:.0e} nats were left, effective sample size "
                f"{healths[0].ess:.1%}, largest weight {healths[0].max_share:.1e} of all"
            )
        if options.stop and gain[0] <= gain[1]:
            break
        chosen = n + 1
    return Result(*(np.stack(values) for values in zip(*out)), chosen)
