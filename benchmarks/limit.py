"""What the machine can do on one thread: rates of matrix products at the shapes that occur."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.peers import architecture as arch


def rate(product: Callable, shape: Sequence[int], seconds: float = 0.05) -> float:
    """GFLOP per second of CPU of a task that multiplies [m, k] by [k, n]: the best of three."""
    m, k, n = shape
    found = []
    product()
    for _ in range(3):
        begin, count = time.process_time(), 0
        while time.process_time() - begin < seconds:
            product()
            count += 1
        found.append(2e-9 * m * k * n * count / (time.process_time() - begin))
    return max(found)


def blas(m: int, k: int, n: int) -> Callable:
    """The product of numpy's BLAS."""
    left, right = np.ones((m, k), np.float32), np.ones((k, n), np.float32)
    return lambda: left @ right


def shapes(a: arch.Architecture, rows: int) -> list[tuple[int, int, int]]:
    """The largest product of each kind: forward, gradients by inputs and by weights; and a square one."""
    every = arch.gemm_shapes(a, rows)
    third = len(every) // 3
    kinds = [every[i * third : (i + 1) * third] for i in range(3)]
    largest = [max(kind, key=lambda s: s[0] * s[1] * s[2]) for kind in kinds]
    common = [s for kind in kinds for s in kind if sorted(s) == sorted((rows, a.hidden, a.hidden))]
    return list(dict.fromkeys([*largest, *common, (a.cond_units,) * 3]))


def rates(a: arch.Architecture, rows: int, workers: list) -> dict[str, dict[str, float]]:
    """{"m x k x n": {who: GFLOP/s}} of numpy's BLAS and of the libraries' own products."""
    out = {}
    for shape in shapes(a, rows):
        row = {"numpy": rate(blas(*shape), shape)}
        for worker in workers:
            answer = worker.ask(do="gemm", shape=list(shape))
            if "gflops" in answer:
                row[worker.name] = answer["gflops"]
        out[" x ".join(map(str, shape))] = row
    return out
