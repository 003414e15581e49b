"""flowjax: its coupling flow, whose blocks are scanned, with a condition network of equinox before it."""

import equinox as eqx
import jax
import paramax
from flowjax.bijections import RationalQuadraticSpline
from flowjax.distributions import Normal
from flowjax.flows import coupling_flow

from benchmarks.peers import Peer
from benchmarks.peers.architecture import Architecture
from benchmarks.peers.jax_flow import as_peer


def build(a: Architecture, seed: int, compiled: bool) -> Peer:
    """The flow, at random weights."""
    flow_key, embed_key = jax.random.split(jax.random.key(seed))
    kind = {"transformer": RationalQuadraticSpline(knots=a.bins, interval=a.bound)} if a.bins else {}
    flow = coupling_flow(
        flow_key, base_dist=Normal(jax.numpy.zeros(a.dim)), cond_dim=a.cond_size, flow_layers=a.blocks,
        nn_width=a.hidden, nn_depth=a.layers, **kind,
    )  # fmt: skip
    embed = eqx.nn.MLP(a.features, a.cond_size, a.cond_units, a.cond_layers, key=embed_key)
    both = paramax.non_trainable(flow.base_dist)
    flow = eqx.tree_at(lambda f: f.base_dist, flow, both)
    params, static = eqx.partition(
        (flow, embed), eqx.is_inexact_array, is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable)
    )

    def whole(params):
        return eqx.combine(params, static)

    def log_prob(params, x, features):
        flow, embed = whole(params)
        return paramax.unwrap(flow).log_prob(x, jax.vmap(embed)(features))

    def sample(params, key, features, draws):
        flow, embed = whole(params)
        return paramax.unwrap(flow).sample(key, (draws,), jax.vmap(embed)(features))

    return as_peer(a, params, log_prob, sample, seed)
