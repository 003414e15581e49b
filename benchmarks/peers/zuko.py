"""zuko: its coupling transforms in a lazy Flow."""

import torch
import zuko

from benchmarks.peers import Peer
from benchmarks.peers.architecture import Architecture
from benchmarks.peers.torch_flow import as_peer, condition_network, halves


def build(a: Architecture, seed: int, compiled: bool) -> Peer:
    """The flow, at random weights."""
    torch.manual_seed(seed)
    kind = {}
    if a.bins:
        kind = {
            "univariate": lambda *theta: zuko.transforms.MonotonicRQSTransform(*theta, bound=a.bound),
            "shapes": ((a.bins,), (a.bins,), (a.bins - 1,)),
        }
    blocks = [
        # its mask has ones for what stays
        zuko.flows.coupling.GeneralCouplingTransform(
            a.dim, a.cond_size, mask=halves(a, i + 1), hidden_features=[a.hidden] * a.layers, **kind
        )
        for i in range(a.blocks)
    ]
    base = zuko.lazy.UnconditionalDistribution(
        zuko.distributions.DiagNormal, torch.zeros(a.dim), torch.ones(a.dim), buffer=True
    )
    flow = zuko.lazy.Flow(blocks, base)
    embed = condition_network(a)

    def log_prob(x, context):
        return flow(context).log_prob(x)

    def sample(context, draws):
        return flow(context).sample((draws,))

    return as_peer(a, embed, flow, log_prob, sample, compiled, seed)
