"""Density ratios by small classifiers, trained whole in one compiled program with the events on the device.

``build`` hands out the parts in the loop's style (init, step), for methods that train a classifier with checkpoints;
``train`` runs all steps of one in a ``lax.scan`` without a look from the host, so that ensembles vmap it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PyTree

from jaxunfold import networks
from jaxunfold.losses.classifier import binary_cross_entropy
from jaxunfold.types import Key, Params

PREDICT_ROWS = 16384


class TwoSamples(NamedTuple):
    """Rows of two weighted samples: x [n, d]; weight [n] in the first (label 1), against [n] in the second."""

    x: Any
    weight: Any
    against: Any


class State(NamedTuple):
    """params: the trained weights; opt_state: the optimiser's."""

    params: Params
    opt_state: optax.OptState


class Classifier(NamedTuple):
    """start: params -> State. init: (key, batch) -> State. step: (state, TwoSamples, key) -> (State, {"loss"}).

    log_ratio: (params, x [n, d]) -> [n], the log of the density of the first sample over that of the second.
    """

    start: Callable
    init: Callable
    step: Callable
    evaluate: Callable
    log_ratio: Callable


def build(
    inputs: int, optimizer: optax.GradientTransformation, hidden: Sequence[int] = (64, 64), activation: str = "silu"
) -> Classifier:
    """A fully connected classifier of rows [inputs] in logits; it starts at a ratio of one everywhere.

    Args:
      inputs: Columns of a row. optimizer: An optax transformation.
      hidden: Units of each hidden layer. activation: A key of ``networks.ACTIVATIONS``.
    """
    network = networks.mlp(inputs, hidden, 1, activation)

    def log_ratio(params, x):
        return network.apply(params, x)[..., 0]

    def start(params) -> State:
        return State(params, optimizer.init(params))

    def init(key, batch=None) -> State:
        params = network.init(key)
        last = params["params"][f"Dense_{len(hidden)}"]
        last["kernel"] = jnp.zeros_like(last["kernel"])
        return start(params)

    def loss(params, batch: TwoSamples):
        return jnp.mean(binary_cross_entropy(log_ratio(params, batch.x), batch.weight, batch.against))

    def step(state: State, batch: TwoSamples, key):
        value, grads = jax.value_and_grad(loss)(state.params, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        return State(optax.apply_updates(state.params, updates), opt_state), {"loss": value}

    def evaluate(state: State, batch: TwoSamples, key):
        return {"loss": loss(state.params, batch)}

    return Classifier(start, init, step, evaluate, log_ratio)


def many_params(rng: np.random.Generator, classifier: Classifier, shape: Sequence[int]) -> Params:
    """Starting parameters [*shape, ...] of many networks, by numpy: to compile ``init`` takes longer than to train.

    Kernels are normal with a variance of one over their inputs, all else as ``init`` has it: zero.
    """
    template = jax.eval_shape(classifier.init, jax.random.key(0)).params
    last = max(template["params"], key=lambda name: int(name.rpartition("_")[2]))

    def fill(path, leaf):
        if leaf.ndim < 2 or last in jax.tree_util.keystr(path):
            return jnp.zeros((*shape, *leaf.shape))
        return jnp.asarray(rng.normal(0, leaf.shape[0] ** -0.5, (*shape, *leaf.shape)), jnp.float32)

    return jax.tree_util.tree_map_with_path(fill, template)


def strides(rng: np.random.Generator, n: int, batch_size: int, shape: Sequence[int]) -> np.ndarray:
    """Random numbers of ``shape`` without a common divisor with n: steps that visit all of range(n) on a circle."""
    largest = max(2, min(n, 2**31 // batch_size))
    found = rng.integers(1, largest, size=shape)
    while (bad := np.gcd(found, n) != 1).any():
        found[bad] = rng.integers(1, largest, size=int(bad.sum()))
    return found.astype(np.uint32)


def train(classifier: Classifier, state: PyTree, data: TwoSamples, stride, batch_size: int) -> PyTree:
    """All epochs of one training; pure, to be jitted and vmapped.

    The rows lie in an order that was random once. Every epoch walks through all of them on a circle with a stride of
    its own, which makes other batches of them each time and costs neither a sort nor memory.

    Args:
      classifier: From ``build``. state: To start from. data: Rows in random order, [n, ...].
      stride: From ``strides``, uint32 [epochs]. batch_size: Rows of a step; at most n.
    """
    n = data.x.shape[0]
    size = min(batch_size, n)
    per_epoch = n // size
    ahead = jnp.arange(size, dtype=jnp.uint32)

    def body(carry, i):
        state, at = carry
        step = stride[i // per_epoch]
        rows = (at + step * ahead) % n
        batch = TwoSamples(*(part.at[rows].get(mode="promise_in_bounds") for part in data))
        state, _ = classifier.step(state, batch, None)
        return (state, (at + step * size) % n), None

    start = (state, jnp.zeros((), jnp.uint32))
    return jax.lax.scan(body, start, jnp.arange(stride.shape[0] * per_epoch))[0][0]


def predict(classifier: Classifier, params: Params, x: Float[Array, "n d"]) -> Float[Array, " n"]:
    """Log-ratio of many rows, in pieces that bound the memory; pure."""
    return jax.lax.map(lambda row: classifier.log_ratio(params, row), x, batch_size=min(PREDICT_ROWS, len(x)))


def train_log_ratio(
    key: Key,
    x: Float[np.ndarray, "n d"],
    weight: Float[np.ndarray, " n"],
    against: Float[np.ndarray, " n"],
    *,
    hidden: Sequence[int] = (64, 64),
    activation: str = "silu",
    learning_rate: float = 2e-3,
    epochs: int = 10,
    batch_size: int = 512,
) -> Callable:
    """Train one classifier on rows in memory: (rows [m, d]) -> log of the density ratio, [m].

    The ratio is that of the densities weighted by ``weight`` and ``against``, with their normalisations.

    Args:
      x: Rows of both samples, of about unit size. weight, against: Of each row in the one and in the other sample.
      hidden, activation: Of the network. learning_rate: Peak, falls to zero along a cosine.
      epochs, batch_size: Of the training.
    """
    n = len(x)
    steps = epochs * (n // min(batch_size, n))
    classifier = build(x.shape[1], optax.adam(optax.cosine_decay_schedule(learning_rate, steps)), hidden, activation)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    order, sizes = rng.permutation(n), (np.sum(weight, dtype=np.float64), np.sum(against, dtype=np.float64))
    data = TwoSamples(x[order], *(n / s * w[order] for s, w in zip(sizes, (weight, against))))
    step = jnp.asarray(strides(rng, n, min(batch_size, n), (epochs,)))
    run = jax.jit(
        lambda params, data, step: train(classifier, classifier.start(params), data, step, batch_size).params
    )
    params, offset = run(many_params(rng, classifier, ()), data, step), float(np.log(sizes[0] / sizes[1]))
    return jax.jit(lambda rows: predict(classifier, params, rows) + offset)
