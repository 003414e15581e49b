"""How wide a generated sample is: what a cooling kernel takes its width from, found by name in ``SPREADS``."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

GAUSSIAN = 2.3548200
"""Full width at half maximum of a normal distribution over its standard deviation."""
POINTS = 200


def standard_deviation(x: Float[Array, " n"], weight: Float[Array, " n"]) -> Float[Array, ""]:
    """Weighted standard deviation of a sample."""
    mean = jnp.average(x, weights=weight)
    return jnp.sqrt(jnp.maximum(jnp.average((x - mean) ** 2, weights=weight), 1e-12))


def full_width_at_half_maximum(x: Float[Array, " n"], weight: Float[Array, " n"]) -> Float[Array, ""]:
    """Width of the peak of a sample where its density is half of the largest, from a Gaussian kernel estimate.

    The kernel's bandwidth is Silverman's with the interquartile range; its own width is taken off in quadrature,
    which is exact for a normal sample. The width is that of all points above half of the maximum.
    """
    low, q1, q3, high = jnp.quantile(x, jnp.asarray([0.005, 0.25, 0.75, 0.995]))
    scale = jnp.maximum((q3 - q1) / 1.349, 1e-6)
    bandwidth = 0.9 * scale * x.shape[0] ** -0.2
    grid = jnp.linspace(low - bandwidth, high + bandwidth, POINTS)
    density = jnp.sum(weight * jnp.exp(-0.5 * ((grid[:, None] - x) / bandwidth) ** 2), axis=1)
    width = jnp.sum(density > 0.5 * jnp.max(density)) * (grid[1] - grid[0])
    return jnp.sqrt(jnp.maximum(width**2 - (GAUSSIAN * bandwidth) ** 2, 1e-12))


SPREADS = {"std": standard_deviation, "fwhm": full_width_at_half_maximum}


def cooling_width(x: Float[Array, " n"], weight: Float[Array, " n"], fraction: float, of: str) -> Float[Array, ""]:
    """A kernel's width as a fixed fraction of the sample's own, through which no gradient goes.

    The 'cooling kernel' of Bellagente et al., arXiv:1912.00477, appendix B.

    Args: x: A generated batch. weight: of its events. fraction: of the spread. of: A key of ``SPREADS``.
    """
    return jax.lax.stop_gradient(fraction * SPREADS[of](x, weight))
