"""Learned linear mixings of all components, invertible by construction: orthogonal, or by an LU decomposition.

Both contain a fixed random permutation, and are that permutation at the start.
"""

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from jaxunfold.bijections.base import Bijection, no_context
from jaxunfold.bijections.permutation import permutation


def _product(matrix, x):
    # in full precision: a GPU's default of ten bits would spoil the round trip
    return jnp.matmul(matrix, x, precision=jax.lax.Precision.HIGHEST)


def rotation(dim: int) -> Bijection:
    """A permutation, then the orthogonal matrix (1 - A)(1 + A)^-1 of a learned antisymmetric A (Cayley); log_det 0.

    It reaches every rotation without a half turn, and those by the permutation.
    """
    mix = permutation(dim)
    row, column = jnp.tril_indices(dim, -1)

    def init(key):
        return {**mix.init(key), "skew": jnp.zeros(dim * (dim - 1) // 2)}

    def matrix(params):
        lower = jnp.zeros((dim, dim), params["skew"].dtype).at[row, column].set(params["skew"])
        skew, one = lower - lower.T, jnp.eye(dim, dtype=lower.dtype)
        return jnp.linalg.solve(one + skew, one - skew)

    def forward(params, x, ctx):
        x, log_det = mix.forward(params, x, None)
        return _product(matrix(params), x), log_det

    def inverse(params, z, ctx):
        return mix.inverse(params, _product(matrix(params).T, z), None)

    return Bijection(init, no_context, forward, inverse)


def lu(dim: int) -> Bijection:
    """A permutation, then L U with unit-triangular L and positive diagonal of U, all learned.

    Kingma and Dhariwal, arXiv:1807.03039, Eq. (10): log_det is the sum of the logarithms on the diagonal.
    """
    mix = permutation(dim)

    def init(key):
        zeros = jnp.zeros((dim, dim))
        return {**mix.init(key), "lower": zeros, "upper": zeros, "log_scale": jnp.zeros(dim)}

    def factors(params):
        one = jnp.eye(dim, dtype=params["lower"].dtype)
        return jnp.tril(params["lower"], -1) + one, jnp.triu(params["upper"], 1) + jnp.diag(
            jnp.exp(params["log_scale"])
        )

    def forward(params, x, ctx):
        lower, upper = factors(params)
        x, _ = mix.forward(params, x, None)
        return _product(lower, _product(upper, x)), jnp.sum(params["log_scale"])

    def inverse(params, z, ctx):
        lower, upper = factors(params)
        z = solve_triangular(lower, z, lower=True, unit_diagonal=True)
        x, _ = mix.inverse(params, solve_triangular(upper, z), None)
        return x, -jnp.sum(params["log_scale"])

    return Bijection(init, no_context, forward, inverse)
