r"""The difference of two event samples as a generator: events that follow P_B - P_S, with neither in bins.

Butter, Plehn, Winterhalder, arXiv:1912.08824; the review arXiv:2008.08558, section 3.2, Eqs. (13), (14). Two ways:

A *GAN* of two classes. Its generator makes an event of class S, or of what is left; all of them together are to look
like the base sample, those of class S alone like the subtracted one:

.. math:: P_B = f P_S + (1 - f) P_{B-S}, \qquad f = \sigma_S / \sigma_B.

A *flow with signed weights*: maximum likelihood of both samples, the subtracted one with negative weight.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Float

from jaxunfold import networks
from jaxunfold.errors import InputError
from jaxunfold.training.duel import Players
from jaxunfold.types import Batch, Reco

BASE, SUBTRACTED = 0.0, 1.0
"""The condition of generator and critic: which sample an event is compared with."""


def labelled(base: Float[np.ndarray, "n d"], subtracted: Float[np.ndarray, "m d"]) -> Batch:
    """Both samples as paired events, the sample an event is of as its feature; each sample has half of the weight."""
    n, m = len(base), len(subtracted)
    label = np.repeat([BASE, SUBTRACTED], [n, m]).astype(np.float32)
    weight = np.repeat([0.5 * (n + m) / n, 0.5 * (n + m) / m], [n, m]).astype(np.float32)
    truth = np.concatenate([base, subtracted]).astype(np.float32)
    return Batch(jnp.asarray(truth), Reco(jnp.asarray(label[:, None])), jnp.asarray(weight))


def players(
    dim: int, fraction: float, generator: Mapping, critic: Mapping, noise: int = 8, activation: str = "leaky_relu"
) -> Players:
    """Generator and critic of the two-class GAN, for ``training.duel.duel``.

    Args:
      dim: Columns of an event. fraction: f = sigma_S / sigma_B, between 0 and 1.
      generator, critic: Options of ``networks.deep_mlp``. noise: numbers that an event is made of, one of which
        decides its class.
    Raises: InputError for a fraction that leaves nothing.
    """
    if not 0 < fraction < 1:
        raise InputError(f"fraction: expected sigma_S / sigma_B between 0 and 1, found {fraction:g}")
    maker = networks.deep_mlp(noise, dim, activation, **generator)
    judger = networks.deep_mlp(dim + 1, 1, activation, **critic)
    threshold = float(norm.ppf(fraction))

    def init(key):
        return tuple(net.init(k) for net, k in zip((maker, judger), jax.random.split(key)))

    def generate(params, r, reco):
        # asked for the base sample, the first number draws the class
        of_s = jnp.where((reco.features[0] == SUBTRACTED) | (r[0] < threshold), SUBTRACTED, BASE)
        return networks.soft_limit(maker.apply(params, jnp.concatenate([of_s[None], r[1:]])), 6.0)

    def judge(params, truth, reco):
        return judger.apply(params, jnp.concatenate([truth, reco.features]))[0]

    return Players(init, generate, noise, judge, lambda batch: (batch, batch))


def difference(found: Players, params, key, num: int) -> Float[jax.Array, "k d"]:
    """Events of the class that is left, P_{B-S}."""
    r = jax.random.normal(key, (num, found.noise))
    # a first number that no threshold is above
    r = r.at[:, 0].set(jnp.inf)
    base = Reco(jnp.full((num, 1), BASE))
    return jax.vmap(found.generate, (None, 0, 0))(params, r, base)


def signed(
    base: Float[np.ndarray, "n d"], subtracted: Float[np.ndarray, "m d"], fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Both samples as one, [n + m, d], with weights [n + m] of mean one: its density is P_{B-S}."""
    n, m = len(base), len(subtracted)
    weight = np.concatenate([np.full(n, 1 / n), np.full(m, -fraction / m)])
    return np.concatenate([base, subtracted]), weight * (n + m) / (1 - fraction)


def binned(
    base: Float[np.ndarray, " n"],
    subtracted: Float[np.ndarray, " m"],
    fraction: float,
    edges: Float[np.ndarray, " b"],
) -> tuple[np.ndarray, np.ndarray]:
    """Density of P_{B-S} in bins from the difference of two histograms, and its statistical error."""
    b, s = (np.histogram(x, edges)[0].astype(np.float64) for x in (base, subtracted))
    scale = 1 / ((1 - fraction) * np.diff(edges))
    value = (b / len(base) - fraction * s / len(subtracted)) * scale
    return value, np.sqrt(b / len(base) ** 2 + fraction**2 * s / len(subtracted) ** 2) * scale
