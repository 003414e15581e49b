r"""Iterated generative unfolding: the training truth is reweighted to what was unfolded, and training goes on.

A posterior p(t | m) holds for the truth it was trained on: where the measurement is blurred, its draws lean towards
that prior. Iteration n draws from the posterior of prior pi_n for every measured event, and takes the result as the
next prior (thesis section 2.2.2; Backes, Butter, Dunford, Malaescu, arXiv:2212.08674):

    pi_{n+1}(t) = int dm data(m) p(m | t) pi_n(t) / int dt' p(m | t') pi_n(t'),   pi_1 the simulation's truth

The measurement p(m | t) stays as simulated: only weights w(t) = pi_{n+1}(t) / pi_1(t) of the simulated pairs
change, from a classifier of the draws against the simulation's truth. These are the iterates of Bayes in bins and of
OmniFold; what is new is that every event keeps draws of its own. Any method with ``init`` and ``step`` will do.

The rule for stopping needs no truth: it ends where held-out draws can no longer be told from the prior they were
drawn with, better than the statistics of the test.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxunfold.errors import InputError
from jaxunfold.methods import corrections
from jaxunfold.methods.measured import require_measured
from jaxunfold.training import classifier as ratios
from jaxunfold.training import feed
from jaxunfold.training.optimizer import make_optimizer
from jaxunfold.types import Batch, Method, Reco, Spec, Unfolded

DRAWS_AT_ONCE = 131072


class Options(NamedTuple):
    """How the iteration is run.

    iterations: Unfoldings, at most; 1 is the base method as it is. stop: end by the rule at the top of the file.
    draws: Draws of each measured event that the classifier is trained on.
    warm: go on from the network of the iteration before, else start anew.
    steps, batch_size, learning_rate: Of a training after the first, with Adam along one cycle.
    hidden, epochs, classifier_batch, classifier_rate: Of the classifier. held_out: Fraction of events for the rule.
    corrections: also hand out ``Unfolded.yields``, from the pass flags of the simulation; see ``corrections``. Fakes
      are then taken out by the fraction that they are of the simulation at each measured point.
    """

    iterations: int = 3
    stop: bool = False
    draws: int = 1
    warm: bool = True
    steps: int = 1000
    batch_size: int = 512
    learning_rate: float = 1e-3
    hidden: tuple[int, ...] = (64, 64)
    epochs: int = 10
    classifier_batch: int = 512
    classifier_rate: float = 2e-3
    held_out: float = 0.1
    corrections: bool = False


class Carry(NamedTuple):
    """base: the generative method's state; ratio: parameters of the classifier whose logit is log w(t)."""

    base: Any
    ratio: Any


class Info(NamedTuple):
    """gain, gain_error: nats per event by which held-out draws are told from their prior; ess: of the weights."""

    gain: Any
    gain_error: Any
    ess: Any


class Iteration(NamedTuple):
    """Pure functions, to be jitted and vmapped over pseudo-experiments.

    start: (key, base state) -> Carry, with weights of one.
    advance: (key, Carry, sim: Batch, x [n, c], reco, weight [m], inputs) -> (Carry, Info): one iteration; x are the
      classifier's inputs of the simulation, and inputs: (truth [m, d], reco) -> [m, c] makes those of draws.
    draw: (key, base state, reco, num_draws) -> samples [m, k, d], in pieces that bound the memory.
    """

    start: Callable
    advance: Callable
    draw: Callable


def both(batch: Batch) -> Batch:
    """The same with weight 0 for events that do not pass at truth and reco level."""
    weight = batch.weight
    for flag in (batch.pass_truth, batch.pass_reco):
        weight = weight if flag is None else weight * flag
    return batch._replace(weight=weight)


def _warmed(fresh, trained):
    """A state that starts as ``trained``, with the optimiser and the count of steps of a fresh one."""
    kept = [name for name in trained._fields if not name.startswith("opt") and name != "step"]
    return fresh._replace(**{name: getattr(trained, name) for name in kept})


def _mean_and_variance(values, weight):
    """Weighted mean, and the variance of it."""
    share = weight / jnp.sum(weight)
    mean = jnp.sum(share * values)
    return mean, jnp.sum((share * (values - mean)) ** 2)


def make_iteration(base: Method, inputs_dim: int, options: Options) -> Iteration:
    """The parts of the iteration.

    Args:
      base: A generative method, built with the optimiser of the trainings after the first.
      inputs_dim: Columns that the classifier sees. options: See ``Options``.
    """

    def network(steps: int):
        optimizer = optax.adam(optax.cosine_decay_schedule(options.classifier_rate, steps))
        return ratios.build(inputs_dim, optimizer, options.hidden)

    def start(key, state) -> Carry:
        return Carry(state, network(1).init(key).params)

    def draw(key, state, reco: Reco, num_draws: int):
        n = reco.features.shape[0]

        def one(args):
            key, event = args
            event = jax.tree.map(lambda a: a[None], event)
            return base.unfold(key, state, event, num_draws).samples[0]

        at_once = max(1, min(n, DRAWS_AT_ONCE // num_draws))
        return jax.lax.map(one, (jax.random.split(key, n), reco._replace(weight=None)), batch_size=at_once)

    def log_ratio(key, params, x, weight, drawn, drawn_weight):
        """Train on the rows that are not held out; (parameters, gain, its error)."""
        (n, c), (m, k, _) = x.shape, drawn.shape
        rng = np.random.default_rng(0)  # of the order only, which is part of the program
        sim_rows, events = rng.permutation(n), rng.permutation(m)
        kept, held = (np.split(rows, [round((1 - options.held_out) * len(rows))]) for rows in (sim_rows, events))
        (sim_rows, sim_held), (events, events_held) = kept, held
        rows = jnp.concatenate([drawn[events].reshape(-1, c), x[sim_rows]])
        first = jnp.repeat(drawn_weight[events], k)
        second = weight[sim_rows]
        total = len(rows)
        order = rng.permutation(total)
        data = ratios.TwoSamples(
            rows[order],
            jnp.concatenate([first, jnp.zeros(len(sim_rows))])[order] * (total / jnp.sum(first)),
            jnp.concatenate([jnp.zeros(len(first)), second])[order] * (total / jnp.sum(second)),
        )
        size = min(options.classifier_batch, total)
        stride = jnp.asarray(ratios.strides(rng, total, size, (options.epochs,)))
        net = network(options.epochs * (total // size))
        new = ratios.train(net, net.start(params), data, stride, size).params
        if not len(sim_held) or not len(events_held):
            return new, jnp.nan, jnp.nan

        def better(x, sign):
            before, after = (jax.nn.softplus(sign * ratios.predict(net, p, x)) for p in (params, new))
            return before - after

        of_draws = better(drawn[events_held].reshape(-1, c), -1.0).reshape(-1, k).mean(axis=1)
        terms = (of_draws, drawn_weight[events_held]), (better(x[sim_held], 1.0), weight[sim_held])
        (a, var_a), (b, var_b) = (_mean_and_variance(*term) for term in terms)
        return new, (a + b) / 2, jnp.sqrt(var_a + var_b) / 2

    def train(key, state, sim: Batch):
        size = min(options.batch_size, len(sim.weight))

        def body(state, key):
            rows_key, step_key = jax.random.split(key)
            rows = jax.random.randint(rows_key, (size,), 0, len(sim.weight))
            return base.step(state, jax.tree.map(lambda a: a[rows], sim), step_key)[0], None

        return jax.lax.scan(body, state, jax.random.split(key, options.steps))[0]

    def advance(key, carry: Carry, sim: Batch, x, reco: Reco, weight, inputs) -> tuple[Carry, Info]:
        draw_key, ratio_key, init_key, train_key = jax.random.split(key, 4)
        samples = draw(draw_key, carry.base, reco, options.draws)
        m, k, d = samples.shape
        repeated = jax.tree.map(lambda a: jnp.repeat(a, k, axis=0), reco._replace(weight=None))
        drawn = inputs(samples.reshape(-1, d), repeated).reshape(m, k, -1)
        sim = both(sim)
        ratio, gain, error = log_ratio(ratio_key, carry.ratio, x, sim.weight, drawn, weight)
        log_w = ratios.predict(network(1), ratio, x)
        weight = sim.weight * jnp.exp(log_w - jnp.max(jnp.where(sim.weight != 0, log_w, -jnp.inf)))
        ess = jnp.sum(weight) ** 2 / jnp.sum(weight**2) / jnp.sum(sim.weight != 0)
        sim = sim._replace(weight=weight / jnp.mean(weight))
        state = base.init(init_key, sim)
        state = _warmed(state, carry.base) if options.warm else state
        return Carry(train(train_key, state, sim), ratio), Info(gain, error, ess)

    return Iteration(start, advance, draw)


class State(NamedTuple):
    """base: the trained method; sim: the simulation; x: the classifier's inputs of it; center, scale: of those."""

    base: Any
    sim: Batch
    x: Any
    center: Any
    scale: Any


def build(
    methods: Mapping[str, Callable], spec: Spec, optimizer, *, base: str, base_model: Mapping, **options
) -> Method:
    """A generative method, iterated: ``fit`` trains it and keeps the simulation, ``unfold`` takes the whole sample.

    Args:
      methods: The methods by name, of which ``base`` is one; bound in ``METHODS``.
      spec: The problem. optimizer: Of the first training. base_model: Options of the base method.
      options: Fields of ``Options``.
    Raises: InputError if the base unfolds a sample as a whole itself, or an option does not fit.
    """
    require_measured(spec, "iterated")
    options = _checked(Options(**options))
    if base not in methods:
        raise InputError(f"base: expected one of {', '.join(sorted(methods))}, found {base!r}")
    flags = corrections.Options(options.hidden, options.epochs, options.classifier_batch, options.classifier_rate)
    first = methods[base](spec, optimizer, **base_model)
    if first.whole_sample or first.step is None:
        raise InputError(f"base: expected a generative method with one training, found {base!r}")
    again = make_optimizer(options.learning_rate, options.steps, clip_norm=5.0)
    again = methods[base](spec, again, **base_model)

    def raw_inputs(truth, reco):
        """Coordinates, or where they are relative to the measured event the observables: those are absolute."""
        if not spec.relative:
            return truth
        return jnp.stack(list(spec.observables(truth, reco).values()), axis=-1)

    def inputs(state: State, truth, reco):
        # long tails become logarithms
        return jnp.arcsinh((raw_inputs(truth, reco) - state.center) / state.scale)

    def init(key, batch: Batch) -> State:
        batch = jax.tree.map(jnp.asarray, batch)
        raw = raw_inputs(batch.truth, batch.reco)
        low, center, high = jnp.quantile(raw, jnp.array([0.16, 0.5, 0.84]), axis=0)
        state = State(first.init(key, batch), batch, raw, center, jnp.maximum((high - low) / 2, 1e-6))
        return state._replace(x=inputs(state, batch.truth, batch.reco))

    def fit(key, loop) -> State:
        def masked(stage, init, step, evaluate=None, **rest):
            return loop(
                stage, init, lambda state, batch, key: step(state, both(batch), key),
                evaluate and (lambda state, batch, key: evaluate(state, both(batch), key)), **rest,
            )  # fmt: skip

        trained = first.fit(key, masked)
        return init(key, feed.everything(loop.train))._replace(base=trained)

    iteration = make_iteration(again, 1, options)
    learn = jax.jit(partial(corrections.learn, options=flags))
    probability = jax.jit(partial(corrections.probability, options=flags))

    def real(key, state: State, reco: Reco):
        """The probability of measured events to have truth, [m]."""
        if state.sim.pass_truth is None:
            return jnp.ones(len(reco.features))
        yes, no = both(state.sim).weight, both(state.sim._replace(pass_truth=~state.sim.pass_truth)).weight
        learned = learn(jax.random.fold_in(key, 2**31 + 1), state.sim.reco.features, yes, no)
        return probability(learned, reco.features)

    def efficiency(key, state: State, reco: Reco, samples):
        """The probability to be measured at every draw, [m, k]."""
        m, k, d = samples.shape
        if state.sim.pass_reco is None:
            return jnp.ones((m, k))
        yes, no = both(state.sim).weight, both(state.sim._replace(pass_reco=~state.sim.pass_reco)).weight
        learned = learn(jax.random.fold_in(key, 2**31 + 2), state.x, yes, no)
        repeated = jax.tree.map(lambda a: jnp.repeat(a, k, axis=0), reco._replace(weight=None))
        return probability(learned, inputs(state, samples.reshape(-1, d), repeated)).reshape(m, k)

    def unfold(key, state: State, reco: Reco, num_draws: int) -> Unfolded:
        parts = make_iteration(again, state.x.shape[1], options)
        m = reco.features.shape[0]
        reco = jax.tree.map(jnp.asarray, reco)
        weight = jnp.ones(m) if reco.weight is None else reco.weight
        if options.corrections:
            weight = weight * real(key, state, reco)
        advance = jax.jit(partial(parts.advance, inputs=partial(inputs, state)))
        carry, infos, chosen = parts.start(jax.random.fold_in(key, 2**31), state.base), [], 1
        for n in range(1, options.iterations):
            new, info = advance(jax.random.fold_in(key, n), carry, state.sim, state.x, reco, weight)
            infos.append([float(value) for value in info])
            gain, error, ess = infos[-1]
            print(
                f"iteration {n}: the unfolded sample is told from its prior by {gain:.1e} +- {error:.0e} nats; next "
                f"prior with effective sample size {ess:.1%}", file=sys.stderr,
            )  # fmt: skip
            if options.stop and gain <= error:
                break
            carry, chosen = new, n + 1
        samples = jax.jit(iteration.draw, static_argnums=3)(key, carry.base, reco, num_draws)
        info = dict(zip(Info._fields, np.array(infos).reshape(-1, 3).T)) | {"chosen": np.array(chosen)}
        counts = None
        if options.corrections:
            counts = corrections.yields(weight, jnp.ones(m), efficiency(key, state, reco, samples))
        return Unfolded(samples, jnp.zeros(samples.shape[:2]), info=info, yields=counts)

    return Method(fit, unfold, init=init, whole_sample=True, own_draws=True)


def _checked(options: Options) -> Options:
    for name in ("iterations", "draws", "steps", "batch_size", "epochs", "classifier_batch"):
        if getattr(options, name) < 1:
            raise InputError(f"{name}: expected at least 1, found {getattr(options, name)}")
    if not 0 <= options.held_out < 1 or (options.stop and not options.held_out):
        raise InputError(f"held_out: expected a fraction below 1, above 0 in order to stop, found {options.held_out}")
    return options._replace(hidden=tuple(options.hidden))
