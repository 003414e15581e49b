r"""What generator and critic play for, and what keeps the critic smooth: per event, in the critic's raw output phi.

Where the critic is a classifier D, phi = log D / (1 - D) is its logit, and neither D nor 1 - D is computed on the
way, so that every term is finite however sure the critic is.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
from jaxtyping import Array, Float


class Game(NamedTuple):
    """Losses of the two sides, functions of phi, event by event.

    real: of the critic, for a true event. fake: of the critic, for a generated one. generator: for a generated one.
    """

    real: Callable
    fake: Callable
    generator: Callable


GAMES = {
    # -log D and -log(1 - D); the generator's is the one that does not saturate: arXiv:1912.00477, Eqs. (2), (4)
    "jensen_shannon": Game(
        lambda phi: jax.nn.softplus(-phi), lambda phi: jax.nn.softplus(phi), lambda phi: jax.nn.softplus(-phi)
    ),
    # Mao et al., arXiv:1611.04076, Eq. (9) with a = 0, b = c = 1
    "least_squares": Game(lambda phi: (phi - 1) ** 2, lambda phi: phi**2, lambda phi: (phi - 1) ** 2),
    # Arjovsky, Chintala, Bottou, arXiv:1701.07875, Eq. (3)
    "wasserstein": Game(lambda phi: -phi, lambda phi: phi, lambda phi: -phi),
}


def wrong_side_penalty(
    phi: Float[Array, "*n"], slope_squared: Float[Array, "*n"], is_real: bool
) -> Float[Array, "*n"]:
    r"""(1 - D)^2 |grad phi|^2 of a true event, D^2 |grad phi|^2 of a generated one.

    arXiv:1912.00477, Eqs. (3) and (10), after Roth et al., arXiv:1705.09367: it vanishes where D is right.

    Args: phi: logit. slope_squared: |grad phi|^2 with respect to the event.
    """
    wrong = jax.nn.sigmoid(-phi) if is_real else jax.nn.sigmoid(phi)
    return wrong**2 * slope_squared


def unit_slope_penalty(slope_squared: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """(|grad phi| - 1)^2: Gulrajani et al., arXiv:1704.00028, Eq. (3), on points between true and generated ones."""
    # the root has no gradient at zero, where a critic of clipped units may well be flat
    return ((slope_squared + 1e-12) ** 0.5 - 1) ** 2
