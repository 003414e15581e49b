"""Coverage of whole posteriors in all dimensions at once, by distances to random points.

Tests of Accuracy with Random Points: Lemos, Coogan, Hezaveh, Perreault-Levasseur, arXiv:2302.03026. Ranks of single
observables cannot see a wrong correlation. Points that do not depend on the measured event cannot see a posterior
that ignores it, as the prior does; only one that passes with every choice of points, also such that depend on it,
is right.
"""

import numpy as np
from jaxtyping import Float


def tarp_ranks(
    rng: np.random.Generator,
    truth: Float[np.ndarray, "n d"],
    draws: Float[np.ndarray, "n k d"],
    points: Float[np.ndarray, "n d"] | None = None,
) -> Float[np.ndarray, " n"]:
    """Fraction of an event's draws that are nearer to a random point than its truth is, randomised, in [0, 1].

    Uniform for a perfect posterior. Components are measured in standard deviations of the truth.

    Args:
      rng: Of points and of the randomisation. truth: In any units. draws: k of each event.
      points: A reference point of each event, which may depend on the measured event and not on its truth or draws;
        None takes the truths of other events, so that they lie where events do.
    """
    n, k = draws.shape[:2]
    scale = truth.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    point = truth[(np.arange(n) + rng.integers(1, n, size=n)) % n] if points is None else points
    own = np.sum(((truth - point) / scale) ** 2, axis=1)
    nearer = np.zeros(n)
    # one draw at a time keeps the memory at the size of the truth
    for i in range(k):
        nearer += np.sum(((draws[:, i] - point) / scale) ** 2, axis=1) < own
    return (nearer + rng.uniform(size=n)) / (k + 1)
