"""Kernels that a maximum mean discrepancy compares samples with, found by name in ``KERNELS``."""

import jax.numpy as jnp
from jaxtyping import Array


def breit_wigner_kernel(distance: Array, width) -> Array:
    """k(x, x') = w^2 / ((x - x')^2 + w^2): Butter, Plehn, Winterhalder, arXiv:1907.03764, Eq. (16)."""
    return width**2 / (distance**2 + width**2)


def gaussian_kernel(distance: Array, width) -> Array:
    """k(x, x') = exp(-(x - x')^2 / (2 w^2)): the same, Eq. (16)."""
    return jnp.exp(-0.5 * (distance / width) ** 2)


KERNELS = {"breit_wigner": breit_wigner_kernel, "gaussian": gaussian_kernel}
