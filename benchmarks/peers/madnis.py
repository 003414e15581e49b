"""MadNIS (arXiv:2212.06172, 2311.01548) on the integrands of benchmarks/generation, in a process of its own.

    PEERS/bin/python -m benchmarks.peers.madnis OUT.npz --integrand NUMBER --loss kl --seed 0 --steps 500 --batch 2048

Its spline flow with as many hidden units and bins as ours and its own permutations, Adam with the same schedule, its
own losses for one channel. Needs torch, madnis and jax; writes weights f / q of independent points.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np
import torch
from madnis.integrator import Integrator
from madnis.integrator import losses as their_losses

from benchmarks.generation.integrands import INTEGRANDS

LOSSES = {"kl": their_losses.kl_divergence, "variance": their_losses.variance}
FLOW = {"units": 48, "layers": 3, "bins": 12}


def weights_of(number, loss, seed, steps, batch, estimates, points):
    """{weights [estimates, points], points seen in the training, CPU seconds of it}."""
    function, dim, _ = list(INTEGRANDS.values())[number]
    compiled, seen = jax.jit(function), 0
    torch.manual_seed(seed)
    torch.set_num_threads(1)

    def integrand(x):
        nonlocal seen
        seen += len(x)
        return torch.from_numpy(np.array(compiled(jnp.asarray(x.numpy())), np.float32)) * scale

    scale = 1.0
    # values of order one, as every sampler here has them
    scale = 1 / float(integrand(torch.rand(100_000, dim)).mean())
    integrator = Integrator(
        integrand, dims=dim, flow_kwargs=FLOW, loss=LOSSES[loss], batch_size=batch, learning_rate=3e-3,
        scheduler=lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, steps, 3e-5),
    )  # fmt: skip
    seen, begin = 0, time.process_time()

    integrator.train(steps)
    seconds, trained_on = time.process_time() - begin, seen
    with torch.no_grad():
        drawn = [integrator.sample(points).weights.numpy().astype(np.float64) / scale for _ in range(estimates)]
    return {"weights": np.array(drawn), "seen": trained_on, "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    for name, kind in (("integrand", int), ("loss", str), ("seed", int), ("steps", int), ("batch", int)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("--estimates", type=int, default=21)
    parser.add_argument("--points", type=int, default=16384)
    args = parser.parse_args()
    found = weights_of(args.integrand, args.loss, args.seed, args.steps, args.batch, args.estimates, args.points)
    np.savez(args.out, **found)


if __name__ == "__main__":
    main()
