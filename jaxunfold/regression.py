r"""Regression of a smooth function with its uncertainty: a Gaussian for every point, and many networks.

Each network has a mean and a width for every point, and is trained by the likelihood of the targets; they are
members of an ensemble (Badger, Bullock, arXiv:2002.07516; the review arXiv:2008.08558, section 3.2) or weights drawn
from a mean-field posterior (Badger et al., arXiv:2206.14831, section 2), and are used alike. With the means
:math:`\mu_m` and the widths :math:`\sigma_m` of the networks

.. math:: \mu = \langle\mu_m\rangle, \quad \sigma_{model}^2 = \langle\sigma_m^2\rangle, \quad
          \sigma_{pred}^2 = \langle(\mu_m - \mu)^2\rangle, \quad \sigma^2 = \sigma_{model}^2 + \sigma_{pred}^2
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxunfold import networks, variational
from jaxunfold.errors import InputError
from jaxunfold.losses.elbo import negative_elbo
from jaxunfold.losses.likelihood import gaussian_nll
from jaxunfold.training import steps
from jaxunfold.training.descent import descent
from jaxunfold.types import Batch, Key, Params, Reco


class Scaling(NamedTuple):
    """Mean and width of the inputs' columns [r] and of the target."""

    centre: Array
    width: Array
    target_centre: Array
    target_width: Array


class Prediction(NamedTuple):
    """mean, model, spread: mu, sigma_model and sigma_pred of each point, [n], in units of the target."""

    mean: Array
    model: Array
    spread: Array

    @property
    def error(self) -> Array:
        """Both parts of the uncertainty together, [n]."""
        return jnp.hypot(self.model, self.spread)


class Recipe(NamedTuple):
    """Of a network and its training: hidden layers, activation; steps, rows of each, peak of the learning rate."""

    hidden: Sequence[int] = (64, 64, 64)
    activation: str = "silu"
    steps: int = 6000
    batch_size: int = 256
    learning_rate: float = 3e-3


DEFAULT = Recipe()


def scaling_of(x: Float[np.ndarray, "n r"], y: Float[np.ndarray, " n"]) -> Scaling:
    """That makes training inputs and targets standard."""
    return Scaling(*(jnp.asarray(part, jnp.float32) for part in (x.mean(0), x.std(0), y.mean(), y.std())))


def network_of(inputs: int, recipe: Recipe):
    """init and apply: (params, inputs [r]) -> (mean, log width) of a standardised target."""
    return networks.mlp(inputs, recipe.hidden, 2, recipe.activation)


def _batch(x, y, scaling: Scaling) -> Batch:
    target = (jnp.asarray(y, jnp.float32) - scaling.target_centre) / scaling.target_width
    inputs = (jnp.asarray(x, jnp.float32) - scaling.centre) / scaling.width
    return Batch(target[:, None], Reco(inputs), jnp.ones(len(target)))


def _each(apply: Callable, params: Params, batch: Batch) -> Float[Array, " n"]:
    out = jax.vmap(apply, (None, 0))(params, batch.reco.features)
    return gaussian_nll(batch.truth[:, 0] - out[:, 0], out[:, 1])


def _optimizer(recipe: Recipe):
    rate = optax.cosine_decay_schedule(recipe.learning_rate, recipe.steps, 1e-3)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))


def train_ensemble(key: Key, x, y, scaling: Scaling, members: int = 5, recipe: Recipe = DEFAULT) -> Params:
    """Weights [members, ...] of networks that differ by their start and the order of the points.

    Args: x: inputs [n, r]. y: targets [n]. scaling: Of both, from ``scaling_of``.
    Raises: InputError for fewer than two members.
    """
    if members < 2:
        raise InputError(f"members: expected at least 2, found {members}")
    data, net, optimizer = _batch(x, y, scaling), network_of(np.shape(x)[1], recipe), _optimizer(recipe)

    def terms(params, batch, key):
        return jnp.mean(_each(net.apply, params, batch)), {}

    init, step = descent(lambda key, batch: net.init(key), terms, optimizer, ema=0.999)

    def one(key):
        start, order = jax.random.split(key)
        state, _ = steps.run(step, init(start, None), steps.rows_of(data, recipe.batch_size), order, recipe.steps)
        return state.ema

    # one after the other: products of small matrices in a batch are slower than by themselves
    return jax.jit(lambda keys: jax.lax.map(one, keys))(jax.random.split(key, members))


def train_bayesian(
    key: Key, x, y, scaling: Scaling, members: int = 20, recipe: Recipe = DEFAULT, prior_width: float = 1.0
) -> Params:
    """Weights [members, ...] drawn from a mean-field posterior, trained by the evidence lower bound.

    Args: as of ``train_ensemble``. prior_width: Of every weight.
    """
    if members < 2:
        raise InputError(f"members: expected at least 2, found {members}")
    data, net, optimizer = _batch(x, y, scaling), network_of(np.shape(x)[1], recipe), _optimizer(recipe)

    def terms(posterior, batch, key):
        each = _each(net.apply, variational.sample(posterior, key), batch)
        kl = variational.kl_to_prior(posterior, prior_width)
        return negative_elbo(each[None], batch.weight, kl, float(len(data.weight))), {"kl": kl}

    init, step = descent(lambda key, batch: variational.start(net.init(key), 1e-3), terms, optimizer, ema=0.999)
    start, order, draw = jax.random.split(key, 3)
    rows = steps.rows_of(data, recipe.batch_size)
    state, _ = steps.run(step, jax.jit(init)(start, None), rows, order, recipe.steps)
    return jax.vmap(lambda k: variational.sample(state.ema, k))(jax.random.split(draw, members))


def predict(params: Params, x: Float[Array, "n r"], scaling: Scaling, recipe: Recipe = DEFAULT) -> Prediction:
    """Of networks [m, ...] at points; pure.

    Args: params: From one of the trainings, with its scaling and recipe.
    """
    net = network_of(x.shape[1], recipe)
    inputs = (x - scaling.centre) / scaling.width
    out = jax.lax.map(lambda member: jax.vmap(net.apply, (None, 0))(member, inputs), params)
    mean, model = out[..., 0], jnp.exp(out[..., 1])
    parts = jnp.mean(mean, 0), jnp.sqrt(jnp.mean(model**2, 0)), jnp.std(mean, axis=0, ddof=1)
    centre, model, spread = (scaling.target_width * part for part in parts)
    return Prediction(centre + scaling.target_centre, model, spread)
