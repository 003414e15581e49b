"""What the PyTorch libraries share: a condition network, Adam, and tasks from a density and a sampler."""

from itertools import pairwise

import torch
from torch import nn

from benchmarks.peers import Peer
from benchmarks.peers.architecture import Architecture, turns

torch.set_num_threads(1)


def dense(sizes) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    parts = []
    for m, n in pairwise(sizes):
        parts += [nn.Linear(m, n), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def condition_network(a: Architecture) -> nn.Sequential:
    """[features] -> [cond_size]."""
    return dense([a.features, *[a.cond_units] * a.cond_layers, a.cond_size])


class Conditioner(nn.Module):
    """The network in a block, as libraries call it: (components [n, k], context [n, c]) -> [n, outputs]."""

    def __init__(self, a: Architecture):
        super().__init__()
        self.net = dense([a.kept + a.cond_size, *[a.hidden] * a.layers, a.outputs])

    def forward(self, x, context=None):
        return self.net(torch.cat([x, context], dim=-1))


def halves(a: Architecture, block: int) -> torch.Tensor:
    """Which components block number ``block`` moves, [dim] of zeros and ones: the halves in turn."""
    mask = torch.zeros(a.dim)
    mask[a.kept :] = 1
    return mask if block % 2 == 0 else 1 - mask


def as_peer(a: Architecture, embed, flow, log_prob, sample, compiled: bool, seed: int) -> Peer:
    """Tasks of a flow.

    Args:
      embed: The condition network. flow: the module of all blocks.
      log_prob: (x [n, d], context [n, c]) -> [n]. sample: (context [n, c], draws) -> draws in any order.
    """
    weights = [p for module in (embed, flow) for p in module.parameters() if p.requires_grad]

    def loss(x, features):
        return -log_prob(x, embed(features)).mean()

    def density(x, features):
        return log_prob(x, embed(features))

    def draw(features, draws):
        return sample(embed(features), draws)

    if compiled:
        loss, density, draw = (torch.compile(f, dynamic=False) for f in (loss, density, draw))

    generator = torch.Generator().manual_seed(seed)

    def events(n):
        normal = (torch.randn(n, size, generator=generator) for size in (a.dim, a.features))
        return tuple(normal)

    def train(batch, steps):
        x, features = events(batch)
        optimizer = torch.optim.Adam(weights, lr=1e-4, fused=True)

        def task():
            for _ in range(steps):
                optimizer.zero_grad(set_to_none=True)
                value = loss(x, features)
                value.backward()
                optimizer.step()
            return float(value.detach())

        return task

    def of_density(n, chunk):
        x, features = events(n)

        def task():
            with torch.inference_mode() if not compiled else torch.no_grad():
                parts = [density(x[i : i + chunk], features[i : i + chunk]) for i in range(0, n, chunk)]
            return float(torch.cat(parts).mean())

        return task

    def of_draws(n, draws, chunk):
        _, features = events(n)

        def task():
            with torch.inference_mode() if not compiled else torch.no_grad():
                parts = [draw(features[i : i + chunk], draws) for i in range(0, n, chunk)]
            return float(torch.stack([part.mean() for part in parts]).mean())

        return task

    def fit(truth, features, batch, rate):
        rows = turns(len(truth), batch, seed)
        truth, features = torch.from_numpy(truth), torch.from_numpy(features)
        optimizer = torch.optim.Adam(weights, lr=rate, fused=True)

        def advance(steps):
            for _ in range(steps):
                chosen = torch.from_numpy(next(rows))
                optimizer.zero_grad(set_to_none=True)
                value = loss(truth[chosen], features[chosen])
                value.backward()
                optimizer.step()
            return float(value.detach())

        def draw_once(features):
            with torch.no_grad():
                parts = [draw(part, 1).reshape(len(part), a.dim) for part in torch.from_numpy(features).split(1000)]
            return torch.cat(parts).numpy()

        return advance, draw_once

    def gemm(m, k, n):
        left, right = torch.randn(m, k), torch.randn(k, n)
        return lambda: torch.mm(left, right) is None

    return Peer(sum(p.numel() for p in weights), train, of_density, of_draws, gemm=gemm, fit=fit)
