r"""Are more generated events than training events worth something? The quantile error of a sample.

Butter, Diefenbacher, Kasieczka, Nachman, Plehn, arXiv:2008.06545; the review arXiv:2008.08558, section 2.4, Fig. 1.
The range is cut at the true quantiles into m parts of equal probability; with the fractions x_j found in them

.. math:: \varepsilon^2 = \frac1m \sum_j (m x_j - 1)^2, \qquad
          \langle \varepsilon^2 \rangle = \frac{m - 1}{N} \text{ for } N \text{ events of the truth itself}

so that an error is worth :math:`(m - 1) / \varepsilon^2` true events: over those trained on, the amplification.
"""

import numpy as np
from jaxtyping import Float


def quantile_error(x: Float[np.ndarray, " n"], edges: Float[np.ndarray, " e"]) -> float:
    """epsilon of a sample, with the inner true quantiles as ``edges``, [m - 1]."""
    return error_of_fractions(np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) / len(x))


def error_of_fractions(fractions: Float[np.ndarray, " m"]) -> float:
    """epsilon of probabilities in the parts, as of a fitted density."""
    m = len(fractions)
    return float(np.sqrt(np.mean((m * fractions - 1) ** 2)))


def equivalent_events(error: float, parts: int) -> float:
    """True events that have so small an error on average."""
    return (parts - 1) / max(error, 1e-12) ** 2
