"""nflows: coupling transforms whose network takes the context."""

import nflows.distributions
import nflows.flows
import nflows.transforms
import torch

from benchmarks.peers import Peer
from benchmarks.peers.architecture import Architecture
from benchmarks.peers.torch_flow import Conditioner, as_peer, condition_network, halves


def build(a: Architecture, seed: int, compiled: bool) -> Peer:
    """The flow, at random weights."""
    torch.manual_seed(seed)

    def network(inputs, outputs):
        return Conditioner(a)

    def block(i):
        if not a.bins:
            return nflows.transforms.AffineCouplingTransform(halves(a, i), network)
        return nflows.transforms.PiecewiseRationalQuadraticCouplingTransform(
            halves(a, i), network, num_bins=a.bins, tails="linear", tail_bound=a.bound
        )

    stack = nflows.transforms.CompositeTransform([block(i) for i in range(a.blocks)])
    flow = nflows.flows.Flow(stack, nflows.distributions.StandardNormal([a.dim]))
    embed = condition_network(a)

    def log_prob(x, context):
        return flow.log_prob(x, context)

    def sample(context, draws):
        return flow.sample(draws, context)

    return as_peer(a, embed, flow, log_prob, sample, compiled, seed)
