"""Events of a difference in two ways, for the benchmarks of subtraction: two-class GAN, flow of signed weights.

Both take events [n, d] whose columns are about standard normal in the base sample, and give events of the same kind.
"""

import jax
import numpy as np
import optax

from jaxunfold.methods import METHODS
from jaxunfold.report import style
from jaxunfold.training import steps
from jaxunfold.training.duel import duel
from jaxunfold.types import Reco, Spec
from jaxunfold.unbinned import subtraction

PIECE = 250_000
COLOURS = {"histograms": style.TRUTH, "GAN": style.UNFOLDED, "flow": style.SERIES[2]}


def with_gan(base, subtracted, fraction, seed, drawn, num_steps=3000, batch=1024, net=None, noise=8, penalty=1.0):
    """Events of the difference from the two-class GAN, [drawn, d]."""
    data = subtraction.labelled(base, subtracted)
    net = net or {"hidden": 32, "layers": 2}
    players = subtraction.players(base.shape[1], fraction, net, net, noise)
    optimizer = optax.adam(optax.cosine_decay_schedule(1e-3, num_steps, 0.05), b1=0.5)
    init, step = duel(players, optimizer, penalty={"kind": "wrong_side", "weight": penalty}, ema=0.999)
    key = jax.random.key(seed)
    state, _ = steps.run(step, init(key, data), steps.rows_of(data, batch), jax.random.fold_in(key, 1), num_steps)
    found = jax.jit(lambda params, key: subtraction.difference(players, params, key, drawn))
    return np.asarray(found(state.ema, jax.random.fold_in(key, 2)))


def with_flow(base, subtracted, fraction, seed, drawn, num_steps=1500, batch=2048, flow=None):
    """The same from a flow trained by maximum likelihood with signed weights; two columns or more."""
    data = steps.unconditional(*subtraction.signed(base, subtracted, fraction))
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(2e-3, num_steps, 0.05))
    )
    dim = base.shape[1]
    flow = {"layer": "spline", "blocks": 4, "bins": 6, "bound": 4.5, "hidden": 16, "layers": 1, **(flow or {})}
    spec = Spec(dim, 0, tuple(f"x{i}" for i in range(dim)))
    method = METHODS["cinn"](spec, optimizer, flow=flow, condition={"output": 1}, ema=0.99)
    key = jax.random.key(seed)
    state = jax.jit(method.init)(key, data)
    state, _ = steps.run(method.step, state, steps.rows_of(data, batch), jax.random.fold_in(key, 1), num_steps)
    found = jax.jit(lambda state, key: method.unfold(key, state, Reco(np.zeros((1, 0))), PIECE).samples[0])
    pieces = -(-drawn // PIECE)
    return np.concatenate([np.asarray(found(state, jax.random.fold_in(key, 2 + i))) for i in range(pieces)])[:drawn]


def draw_bands(axes, middle, ratios):
    """Found over expected of each way in the bins around ``middle``: mean over samples, and root of the mean square.

    ratios: {a key of ``COLOURS``: [samples, bins]}.
    """
    for name, colour in COLOURS.items():
        ratio = np.array(ratios[name])
        width = np.sqrt(np.mean((ratio - 1) ** 2, 0))
        axes.plot(middle, ratio.mean(0), color=colour, lw=1.2)
        axes.fill_between(middle, 1 - width, 1 + width, color=colour, alpha=0.25, lw=0, label=name)
    axes.axhline(1, color=style.TRUTH, lw=0.7)
