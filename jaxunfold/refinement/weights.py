"""DCTR: weights of generated events from a classifier of true against generated ones.

Thesis section 4.3, first step; Andreassen, Nachman, arXiv:1907.08209; Diefenbacher et al., arXiv:2009.03796. All in
logits: the log-weight log f / (1 - f) is the network's output, calibrated on events it was not trained on.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxunfold import networks
from jaxunfold.errors import InputError
from jaxunfold.losses.classifier import binary_cross_entropy
from jaxunfold.metrics.weights import Health, weight_health
from jaxunfold.refinement.calibration import CALIBRATIONS
from jaxunfold.training import classifier as ratios
from jaxunfold.training.epochs import run_epochs
from jaxunfold.types import Key, Params


class Options(NamedTuple):
    """hidden, activation: of the network; smooth ones give smooth gradients to a Markov chain.

    learning_rate: peak, falls to zero along a cosine. epochs, batch_size: of the training, both samples together.
    held_out: fraction of the events for the calibration. calibration: a key of ``CALIBRATIONS``, or "none".
    frequencies: see ``with_frequencies``.
    """

    hidden: Sequence[int] = (64, 64, 64)
    activation: str = "silu"
    learning_rate: float = 2e-3
    epochs: int = 10
    batch_size: int = 4000
    held_out: float = 0.1
    calibration: str = "temperature"
    frequencies: int = 0


def with_frequencies(x: Float[Array, "*n d"], num: int) -> Float[Array, "*n e"]:
    """x with sin(k x) and cos(k x), k = 1 ... num, beside it: a network is slow to learn what changes fast.

    Tancik et al., arXiv:2006.10739. Args: x: Of about unit size.
    """
    waves = [wave(k * x) for k in range(1, num + 1) for wave in (jnp.sin, jnp.cos)]
    return jnp.concatenate([x, *waves], axis=-1)


class LogWeight(NamedTuple):
    """The log of p_true / p_generated, as learned: a function x [*n, d] -> [*n], differentiable.

    params, mean, width: of the network and of the scale of its inputs. calibrated: function of the logit, or None.
    hidden, activation, frequencies: of the network. health: of the weights of the held-out generated events.
    loss: cross entropy per event of the held-out events in nats, before and after calibration; log 2 where equal.
    """

    params: Params
    mean: Array
    width: Array
    calibrated: Any
    hidden: tuple[int, ...]
    activation: str
    frequencies: int
    health: Health
    loss: tuple[float, float]

    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        seen = with_frequencies((x - self.mean) / self.width, self.frequencies)
        logit = networks.mlp(seen.shape[-1], self.hidden, 1, self.activation).apply(self.params, seen)[..., 0]
        return logit if self.calibrated is None else self.calibrated(logit)


def learn_weight(
    key: Key,
    true,
    generated,
    options: Options = Options(),  # noqa: B008
    weight=None,
    generated_weight=None,
) -> LogWeight:
    """Train and calibrate a classifier.

    Args:
      key: A typed key. true, generated: Events of the two samples, [n, d] and [m, d]. options: See ``Options``.
      weight, generated_weight: Of the events, [n] and [m], not negative; None for one each.
    Raises: InputError for an option out of range.
    """
    if options.calibration not in (*CALIBRATIONS, "none"):
        known = ", ".join((*CALIBRATIONS, "none"))
        raise InputError(f"calibration: expected one of {known}, found {options.calibration!r}")
    if not 0 < options.held_out < 1:
        raise InputError(f"held_out: expected a fraction between 0 and 1, found {options.held_out}")
    n, m = len(true), len(generated)
    if not n or not m:
        raise InputError(f"weights: expected events of both samples, found {n} true and {m} generated ones")
    # each sample counts as much as the other, whatever their sizes
    share = [np.ones(k) if w is None else np.asarray(w, np.float64) for k, w in ((n, weight), (m, generated_weight))]
    share = [w * (n + m) / (2 * w.sum()) for w in share]
    x = jnp.concatenate([jnp.asarray(true), jnp.asarray(generated)]).astype(jnp.float32)
    mean, width = jnp.mean(x, axis=0), jnp.std(x, axis=0) + 1e-6
    w = jnp.asarray(np.concatenate([share[0], np.zeros(m)]), jnp.float32)
    v = jnp.asarray(np.concatenate([np.zeros(n), share[1]]), jnp.float32)
    init_key, train_key, split_key = jax.random.split(key, 3)
    order = jax.random.permutation(split_key, n + m)
    held = max(2, round(options.held_out * (n + m)))
    kept, rest = order[held:], order[:held]
    data = ratios.TwoSamples(with_frequencies((x - mean) / width, options.frequencies), w, v)
    steps = options.epochs * max(1, len(kept) // min(options.batch_size, len(kept)))
    optimizer = optax.adam(optax.cosine_decay_schedule(options.learning_rate, steps))
    network = ratios.build(data.x.shape[1], optimizer, tuple(options.hidden), options.activation)
    state, _ = run_epochs(
        train_key, network.init(init_key), network.step, jax.tree.map(lambda a: a[kept], data),
        batch_size=options.batch_size, epochs=options.epochs,
    )  # fmt: skip

    test = jax.tree.map(lambda a: a[rest], data)
    logit = jax.jit(lambda rows: ratios.predict(network, state.params, rows))(test.x)
    calibrated = None
    if options.calibration != "none":
        calibrated = CALIBRATIONS[options.calibration](logit, test.weight, test.against)

    after = logit if calibrated is None else calibrated(logit)
    losses = [float(jnp.mean(binary_cross_entropy(found, test.weight, test.against))) for found in (logit, after)]
    from_generator = np.asarray(test.against) > 0
    health = weight_health(np.asarray(after)[from_generator], np.asarray(test.against)[from_generator])
    about = tuple(options.hidden), options.activation, options.frequencies, health, tuple(losses)
    return LogWeight(state.params, mean, width, calibrated, *about)
