"""Several networks in the place of one: draws shared out among them, their mean density, and its spread.

What the networks are is up to the method: samples of the weights (``methods.bayesian``) or trainings of their own
(``methods.ensemble``). They are run one after another, so that memory holds one at a time.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxunfold.types import Method, Unfolded


def method_of(base: Method, state_of: Callable, size: int, name: str, init, step, evaluate) -> Method:
    """The method that several networks of one base are together.

    Args:
      base: The method of one network. state_of: state -> (number -> the state of that network). size: How many.
      name: Of its stage of training. init, step, evaluate: as of ``Method``.
    """

    def fit(key, loop):
        return loop(name, init, step, evaluate)

    def unfold(key, state, reco, num_draws: int) -> Unfolded:
        return shared_draws(base, state_of(state), size, key, reco, num_draws)

    def log_prob(state, truth, reco):
        return mean_density(base, state_of(state), size, truth, reco)

    def uncertainty(state, truth, reco):
        return relative_spread(base, state_of(state), size, truth, reco)

    def member_log_prob(state, truth, reco):
        return _densities(base, state_of(state), size, truth, reco)[1]

    explicit = base.log_prob is not None
    return Method(
        fit, unfold, log_prob if explicit else None, init, step, evaluate,
        members=size * base.members, uncertainty=uncertainty if explicit else None,
        member_log_prob=member_log_prob if explicit else None,
    )  # fmt: skip


def shared_draws(base: Method, state_of: Callable, size: int, key, reco, num_draws: int) -> Unfolded:
    """Draws of every event in turn from each network: draw j is from number j modulo ``size``.

    Args:
      base: The method of one network. state_of: number -> its state. size: How many networks.
    """
    used = min(size, num_draws)
    share = -(-num_draws // used)

    def one(args):
        number, key = args
        drawn = base.unfold(key, state_of(number), reco, share)
        return drawn.samples, jnp.zeros(drawn.samples.shape[:2], int) if drawn.member is None else drawn.member

    samples, inner = jax.lax.map(one, (jnp.arange(used), jax.random.split(key, used)))
    member = jnp.arange(used)[:, None, None] * base.members + inner

    def in_turn(x):
        x = jnp.moveaxis(x, 0, 2)
        return x.reshape(x.shape[0], share * used, *x.shape[3:])[:, :num_draws]

    samples = in_turn(samples)
    return Unfolded(samples, jnp.zeros(samples.shape[:2]), in_turn(member))


def mean_density(base: Method, state_of: Callable, size: int, truth, reco):
    """log of the mean over the networks of p(truth | reco), [n]: thesis Eq. (3.35), first line."""
    return _densities(base, state_of, size, truth, reco)[0]


def relative_spread(base: Method, state_of: Callable, size: int, truth, reco):
    """sigma_pred / p over the networks at truth [n, d]: thesis Eq. (3.35), second line, over the first. [n].

    Where a network is itself one of several, their spread adds to that of the means.
    """
    mean, each, inner = _densities(base, state_of, size, truth, reco)
    ratio = jnp.exp(each - mean)
    # with one degree of freedom less, as of any sample
    between = jnp.sum((ratio - 1) ** 2, axis=0) / max(size - 1, 1)
    return jnp.sqrt(between + jnp.mean((ratio * inner) ** 2, axis=0))


def _densities(base, state_of, size, truth, reco):
    """log of the mean density [n]; log-density of every network [size, n]; its own relative spread [size, n]."""

    def one(number):
        state = state_of(number)
        log_p = base.log_prob(state, truth, reco)
        return log_p, jnp.zeros_like(log_p) if base.uncertainty is None else base.uncertainty(state, truth, reco)

    each, inner = jax.lax.map(one, jnp.arange(size))
    return jax.nn.logsumexp(each, axis=0) - jnp.log(size), each, inner
