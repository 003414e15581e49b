r"""From draws of measured events to yields at truth level: fakes taken out, efficiency put in, both learned.

A measured event of weight v(m) (negative for simulated background that is subtracted) with k draws t counts

    v(m) (1 - p_fake(m)) / (k eff(t))

truth events in each of them. p_fake is the fraction of measured events without truth, a function of what was
measured; eff the fraction of truth events that are measured, a function of truth, and so a property of the detector
and not of the sample. Both are probabilities of a flag of the simulation, learned by one classifier each; thesis Eqs.
(1.30) to (1.33) are the same in bins. Summed over draws the counts are the spectrum in events, absolutely normalised.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxunfold.training import classifier as ratios
from jaxunfold.types import Key, Params


class Options(NamedTuple):
    """Of a classifier: units of its layers, epochs, rows of a step, peak learning rate of Adam along a cosine."""

    hidden: tuple[int, ...] = (64, 64)
    epochs: int = 10
    batch_size: int = 512
    learning_rate: float = 2e-3


class Probability(NamedTuple):
    """params: of the classifier; offset: log of the odds over all events."""

    params: Params
    offset: jax.Array


def learn(key: Key, x, yes, no, options: Options = Options()) -> Probability:  # noqa: B008
    """The probability of a flag at x; pure, to be jitted and vmapped.

    Args:
      x: [n, c], of about unit size.
      yes, no: Weight of a row where the flag is set and where it is not, [n], any sign; rows that are not to be
        looked at are zero in both.
    """
    n = len(x)
    size = min(options.batch_size, n)
    rng = np.random.default_rng(0)  # of the order only, which is part of the program
    order = rng.permutation(n)
    stride = jnp.asarray(ratios.strides(rng, n, size, (options.epochs,)))
    schedule = optax.cosine_decay_schedule(options.learning_rate, options.epochs * (n // size))
    net = ratios.build(x.shape[1], optax.adam(schedule), options.hidden)
    sums = jnp.sum(yes), jnp.sum(no)
    # both count as much: the network learns what is left beside the odds of all
    data = ratios.TwoSamples(x[order], yes[order] * (n / sums[0]), no[order] * (n / jnp.maximum(sums[1], 1e-30)))
    params = ratios.train(net, net.init(key), data, stride, size).params
    return Probability(params, jnp.log(sums[0]) - jnp.log(jnp.maximum(sums[1], 1e-30)))


def probability(learned: Probability, x, options: Options = Options()):  # noqa: B008
    """Of the flag at x [n, c], [n]; one everywhere where it was never unset."""
    net = ratios.build(x.shape[1], optax.identity(), options.hidden)
    return jax.nn.sigmoid(ratios.predict(net, learned.params, x) + learned.offset)


def yields(weight, real, efficiency):
    """Truth events that each draw stands for, [n, k].

    Args:
      weight: Of the measured events, [n]. real: 1 - p_fake of them, [n]. efficiency: At every draw, [n, k].
    """
    return (weight * real)[:, None] / (efficiency * efficiency.shape[1])
