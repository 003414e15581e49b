"""One small file per library, each with ``build(architecture, seed, compiled) -> Peer``, and the worker that runs it.

A worker is a process of its own, in the library's own environment, on one pinned core. It imports nothing of
jaxunfold but in ``ours.py``.
"""

from collections.abc import Callable
from typing import NamedTuple


class Peer(NamedTuple):
    """A flow that is ready to be timed. Every function returns a task, and calling a task runs it to its end.

    parameters: Trained numbers, condition network included.
    train: (batch, steps) -> task of so many training steps: forward, backward, Adam.
    log_prob: (events, chunk) -> task: log p(truth | reco) of so many events, so many at a time.
    sample: (events, draws, chunk) -> task: so many draws of each event, so many events at a time.
    chunks: Whether ``chunk`` is heeded. Ours is the package's own choice, peers get the best of several.
    gemm: (m, k, n) -> task of one matrix product [m, k] x [k, n] in the library's own way; it returns nothing.
    fit: (truth [n, dim], features [n, r], batch, rate) -> (advance, draw), arrays of numpy: ``advance(steps)`` trains
      on with Adam and gives the last loss, ``draw(features [m, r])`` is one draw of each event, [m, dim].
    """

    parameters: int
    train: Callable
    log_prob: Callable
    sample: Callable
    chunks: bool = True
    gemm: Callable | None = None
    fit: Callable | None = None


class NotOffered(Exception):
    """The library has no such layer; the message says what is missing."""


PEERS = {
    "jaxunfold": ("ours", False),
    "FrEIA": ("freia", False),
    "FrEIA, compiled": ("freia", True),
    "zuko": ("zuko", False),
    "zuko, compiled": ("zuko", True),
    "nflows": ("nflows", False),
    "nflows, compiled": ("nflows", True),
    "normflows": ("normflows", False),
    "normflows, compiled": ("normflows", True),
    "flowjax": ("flowjax", False),
    "distrax": ("distrax", False),
}
"""Name in the tables: (module, whether ``torch.compile`` is used)."""

RECIPES = PEERS | {"sbi": ("sbi", False)}
"""The same, and what trains and samples but has no task of its own to time."""

PACKAGES = {
    "ours": ("jax", "jaxlib"), "freia": ("FrEIA", "torch"), "zuko": ("zuko", "torch"), "nflows": ("nflows", "torch"),
    "normflows": ("normflows", "torch"), "flowjax": ("flowjax", "jax"), "distrax": ("distrax", "jax"),
    "sbi": ("sbi", "torch"),
}  # fmt: skip
"""Distributions whose versions the pages state."""
