r"""How much Markov chains are worth: the effective sample size, of one quantity over many chains.

.. math:: n_\mathrm{eff} = n c / (1 + 2 \sum_t \rho_t)

with the autocorrelations rho of Gelman et al., Bayesian Data Analysis (2013), Eq. (11.7), which count the spread
between chains as well: chains that sit in modes of their own do not mix. The sum ends by Geyer's initial monotone
sequence (Statist. Sci. 7 (1992) 473).
"""

import numpy as np
from jaxtyping import Float


def autocovariance(x: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
    """Of each chain at every lag, biased (divided by n), by FFT."""
    n = len(x)
    centred = x - x.mean(axis=0)
    power = np.abs(np.fft.rfft(centred, 2 * n, axis=0)) ** 2
    return np.fft.irfft(power, 2 * n, axis=0)[:n] / n


def effective_sample_size(x: Float[np.ndarray, "n c"]) -> float:
    """Effective number of independent draws of n draws of each of c chains; of one quantity.

    Returns: At most n c log10(n c), as for chains that avoid themselves; NaN if a draw is not finite.
    """
    x = np.asarray(x, np.float64)
    n, c = x.shape
    if not np.isfinite(x).all():
        return float("nan")
    covariance = autocovariance(x).mean(axis=1)
    within = covariance[0] * n / (n - 1)
    pooled = covariance[0] + (x.mean(axis=0).var(ddof=1) if c > 1 else 0.0)
    if pooled == 0:
        return float(n * c)
    rho = 1 - (within - covariance * n / (n - 1)) / pooled
    rho[0] = 1
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    below = np.flatnonzero(pairs < 0)
    pairs = np.minimum.accumulate(pairs[: below[0]] if len(below) else pairs)
    tau = max(2 * pairs.sum() - 1, 1 / np.log10(max(n * c, 10)))
    return float(n * c / tau)
