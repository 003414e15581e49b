"""A small transformer over the particles of an event, which look at each other and at tokens of the measured event.

Attention of Vaswani et al., arXiv:1706.03762, with normalisation ahead of each part (Xiong et al., arXiv:2002.04745).
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.networks.base import activation_of

START = nn.initializers.normal(0.3)


def particles_of(names: Sequence[str]) -> tuple[int, ...]:
    """The token of each coordinate: those whose names end alike, in "_e-" or "_jj", share one; others have their own.

    ("log_m_ll", "eta_e-", "phi_e-", "mass") -> (0, 1, 1, 2).
    """
    ends = [name.rsplit("_", 1)[-1] for name in names]
    order = list(dict.fromkeys(ends))
    return tuple(order.index(end) for end in ends)


class _Block(nn.Module):
    """Truth tokens attend to each other, then to the measured event, then each passes a network of its own."""

    width: int
    heads: int
    activation: str

    def setup(self):
        self.norms = [nn.LayerNorm() for _ in range(3)]
        self.own, self.query, self.measured = nn.Dense(3 * self.width), nn.Dense(self.width), nn.Dense(2 * self.width)
        self.mix = [nn.Dense(self.width) for _ in range(2)]
        self.inner, self.outer = nn.Dense(2 * self.width), nn.Dense(self.width)

    def _attend(self, *parts):
        split = [part.reshape(len(part), self.heads, -1) for part in parts]
        return jax.nn.dot_product_attention(*split).reshape(len(parts[0]), self.width)

    def context(self, reco):
        return jnp.split(self.measured(reco), 2, axis=-1)

    def __call__(self, h, measured):
        h = h + self.mix[0](self._attend(*jnp.split(self.own(self.norms[0](h)), 3, axis=-1)))
        h = h + self.mix[1](self._attend(self.query(self.norms[1](h)), *measured))
        return h + self.outer(activation_of(self.activation)(self.inner(self.norms[2](h))))


class Transformer(nn.Module):
    """(x [d], time features, context of cond [c]) -> [d], zero at the start.

    tokens: the token of each coordinate, [d]. reco_tokens: vectors that the condition is read as.
    """

    tokens: tuple[int, ...]
    width: int
    heads: int
    layers: int
    reco_tokens: int
    activation: str

    def setup(self):
        d = len(self.tokens)
        self.scale, self.place = (self.param(name, START, (d, self.width)) for name in ("direction", "place"))
        self.readout = self.param("readout", nn.initializers.zeros, (d, self.width))
        self.from_time, self.from_cond = nn.Dense(self.width), nn.Dense(self.reco_tokens * self.width)
        self.blocks = [_Block(self.width, self.heads, self.activation) for _ in range(self.layers)]
        self.norm, self.reco_norm = nn.LayerNorm(), nn.LayerNorm()

    def context(self, cond):
        reco = self.reco_norm(self.from_cond(cond).reshape(self.reco_tokens, self.width))
        return [block.context(reco) for block in self.blocks]

    def __call__(self, x, time, context):
        member = np.equal.outer(np.arange(max(self.tokens) + 1), np.asarray(self.tokens)).astype(np.float32)
        h = jnp.asarray(member, x.dtype) @ (x[:, None] * self.scale + self.place) + self.from_time(time)
        for block, measured in zip(self.blocks, context):
            h = block(h, measured)
        return jnp.sum(self.norm(h)[np.asarray(self.tokens)] * self.readout, axis=-1)

    def everything(self, x, time, cond):
        return self(x, time, self.context(cond))
