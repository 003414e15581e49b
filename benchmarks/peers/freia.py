"""FrEIA, the papers' own library: all-in-one blocks in a SequenceINN."""

import math

import FrEIA.framework
import FrEIA.modules
import torch

from benchmarks.peers import NotOffered, Peer
from benchmarks.peers.architecture import Architecture
from benchmarks.peers.torch_flow import as_peer, condition_network, dense


def build(a: Architecture, seed: int, compiled: bool) -> Peer:
    """The flow, at random weights."""
    if a.bins:
        raise NotOffered("no spline block in the released version")
    torch.manual_seed(seed)
    embed = condition_network(a)
    flow = FrEIA.framework.SequenceINN(a.dim)
    for _ in range(a.blocks):
        flow.append(
            FrEIA.modules.AllInOneBlock, cond=0, cond_shape=(a.cond_size,),
            subnet_constructor=lambda inputs, outputs: dense([inputs, *[a.hidden] * a.layers, outputs]),
        )  # fmt: skip

    def log_prob(x, context):
        z, log_det = flow(x, c=[context])
        return log_det - 0.5 * (z * z).sum(-1) - 0.5 * a.dim * math.log(2 * math.pi)

    def sample(context, draws):
        context = context.repeat_interleave(draws, dim=0)
        return flow(torch.randn(len(context), a.dim), c=[context], rev=True, jac=False)[0]

    return as_peer(a, embed, flow, log_prob, sample, compiled, seed)
