"""normflows: its conditional flow of spline couplings; it has no affine coupling that takes a context."""

import normflows
import torch
from normflows.flows.neural_spline.coupling import PiecewiseRationalQuadraticCoupling

from benchmarks.peers import NotOffered, Peer
from benchmarks.peers.architecture import Architecture
from benchmarks.peers.torch_flow import Conditioner, as_peer, condition_network, halves


class Block(normflows.flows.Flow):
    """A spline coupling as ``CoupledRationalQuadraticSpline`` wraps it, with a plain network, not a residual one."""

    def __init__(self, a: Architecture, block: int):
        super().__init__()
        self.coupling = PiecewiseRationalQuadraticCoupling(
            halves(a, block), lambda inputs, outputs: Conditioner(a), a.bins, tails="linear", tail_bound=a.bound
        )

    def forward(self, z, context=None):
        z, log_det = self.coupling.inverse(z, context)
        return z, log_det.view(-1)

    def inverse(self, z, context=None):
        z, log_det = self.coupling(z, context)
        return z, log_det.view(-1)


class Normal(normflows.distributions.DiagGaussian):
    """The library's own normal base, which takes no context."""

    def forward(self, num_samples=1, context=None):
        return super().forward(num_samples)

    def log_prob(self, z, context=None):
        return super().log_prob(z)


def build(a: Architecture, seed: int, compiled: bool) -> Peer:
    """The flow, at random weights."""
    if not a.bins:
        raise NotOffered("no affine coupling that takes a context")
    torch.manual_seed(seed)
    blocks = [Block(a, i) for i in range(a.blocks)]
    flow = normflows.ConditionalNormalizingFlow(Normal(a.dim, trainable=False), blocks)
    embed = condition_network(a)

    def log_prob(x, context):
        return flow.log_prob(x, context)

    def sample(context, draws):
        context = context.repeat_interleave(draws, dim=0)
        return flow.sample(len(context), context)[0]

    return as_peer(a, embed, flow, log_prob, sample, compiled, seed)
