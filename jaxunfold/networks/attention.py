"""An encoder of a set: attention over the measured objects, any number of them, blind to their order.

Vaswani et al., arXiv:1706.03762, without positions; what is absent is masked. The kinematics of pairs enter as in Qu,
Li, Qian, arXiv:2202.03772, here in the tokens rather than in the attention's weights.
"""

import flax.linen as nn
import jax.numpy as jnp

from jaxunfold.networks.base import Network, activation_of

PAIR_CENTRE, PAIR_SCALE = (4.4, 0.5, 3.5), (0.3, 0.6, 0.8)
"""Of the logarithms of a pair's mass, distance and smaller pT: 80 GeV, 1.6 and 33 GeV, and widths."""


class _Block(nn.Module):
    heads: int
    widening: int
    activation: str

    @nn.compact
    def __call__(self, tokens, seen):
        units = tokens.shape[-1]
        normed = nn.LayerNorm()(tokens)
        tokens = tokens + nn.MultiHeadDotProductAttention(self.heads)(normed, normed, mask=seen)
        hidden = activation_of(self.activation)(nn.Dense(self.widening * units)(nn.LayerNorm()(tokens)))
        return tokens + nn.Dense(units)(hidden)


class _SetEncoder(nn.Module):
    outputs: int
    units: int
    layers: int
    heads: int
    widening: int
    activation: str

    @nn.compact
    def __call__(self, event, objects, mask, pairs):
        act = activation_of(self.activation)
        # what stands in an absent object's place must not reach the others, not even as zero times infinity
        objects = jnp.where(mask[:, None], objects, 0.0)
        tokens = nn.Dense(self.units)(objects)
        if pairs is not None:
            both = mask[:, None] & mask[None, :] & ~jnp.eye(len(mask), dtype=bool)
            pairs = (jnp.where(both[..., None], pairs, 0.0) - jnp.asarray(PAIR_CENTRE)) / jnp.asarray(PAIR_SCALE)
            # of object i with j: both objects as they are and what the two have together
            hidden = nn.Dense(self.units)(pairs)
            hidden = act(hidden + nn.Dense(self.units)(objects)[:, None] + nn.Dense(self.units)(objects)[None, :])
            hidden = jnp.where(both[..., None], hidden, 0.0)
            tokens = tokens + nn.Dense(self.units)(jnp.sum(hidden, axis=1))
        # the event's own token is always there, so that no softmax is empty; it also reads out the others
        tokens = jnp.concatenate([nn.Dense(self.units)(event)[None], tokens])
        seen = jnp.concatenate([jnp.ones(1, bool), mask])[None, None, :]
        for _ in range(self.layers):
            tokens = _Block(self.heads, self.widening, self.activation)(tokens, seen)
        # what the event's token has gathered, and its own features once more, which need no attention
        read = jnp.concatenate([nn.LayerNorm()(tokens[0]), event])
        return nn.Dense(self.outputs)(act(nn.Dense(4 * self.units)(read)))


def set_encoder(
    event: int,
    objects: int,
    pairs: int,
    outputs: int,
    units: int = 64,
    layers: int = 2,
    heads: int = 4,
    widening: int = 2,
    activation: str = "relu",
) -> Network:
    """A transformer over a masked set of objects; apply: (params, event, objects, mask, pairs) -> [outputs].

    The output does not change when objects, mask and pairs are permuted together, nor with what an absent object
    holds; any number of objects will do, whatever the number at ``init``.

    Args:
      event: Size of the vector of what belongs to the event as a whole, which becomes a token of its own.
      objects: Features of one object. pairs: quantities of a pair; 0 for none, then ``pairs`` is None.
      outputs: Size of the result. units: of a token. layers: of attention. heads: of each, a divisor of units.
      widening: Hidden units of the dense part of a layer, in units.
    Raises: ValueError for sizes that do not fit, or an unknown activation.
    """
    if layers < 1:
        raise ValueError(f"layers: expected at least 1, got {layers}")
    if heads < 1 or units % heads:
        raise ValueError(f"heads: expected a divisor of units = {units}, got {heads}")
    activation_of(activation)
    module = _SetEncoder(outputs, units, layers, heads, widening, activation)

    def init(key):
        some = jnp.zeros((2, objects)), jnp.ones(2, bool), jnp.zeros((2, 2, pairs)) if pairs else None
        return module.init(key, jnp.zeros(event), *some)

    return Network(init, module.apply)
