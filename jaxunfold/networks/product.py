"""x @ w for dense layers, with a weight gradient as fast as the product itself.

The gradient by the weights is x^T dy, summed over the events of a batch. XLA's CPU products of a transposed left side
reach half to three quarters of the rate of others, so x is transposed first: benchmarks/notes.md.
"""

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

_product = Primitive("product")


def product(x, w):
    """x [..., m] @ w [m, n] -> [..., n], under jit, vmap and any derivative."""
    return _product.bind(x, w)


def dot_general(x, w, dimension_numbers, precision=None, preferred_element_type=None):
    """``product`` with the signature that ``flax.linen.Dense`` calls.

    Raises: ValueError for another product than that of the last axis of x with the first of w.
    """
    expected = (((x.ndim - 1,), (0,)), ((), ()))
    if tuple(map(lambda pair: tuple(map(tuple, pair)), dimension_numbers)) != expected or w.ndim != 2:
        raise ValueError(f"dimension_numbers: expected {expected}, got {dimension_numbers}")
    return product(x, w)


def _plain(x, w):
    return jax.lax.dot_general(x, w, (((x.ndim - 1,), (0,)), ((), ())))


def _shape(x, w):
    return ShapedArray((*x.shape[:-1], w.shape[1]), x.dtype)


def _by_x(ct, x, w):
    return product(ct, w.T)


def _transposed_first(x, ct):
    """x^T ct with one of the two transposed in memory before: whichever moves fewer numbers."""
    (events, inputs), outputs = x.shape, ct.shape[1]
    if events * inputs > (events + inputs) * outputs:
        # the second barrier keeps XLA from folding the last transposition into the product again
        return jax.lax.optimization_barrier(jax.lax.optimization_barrier(ct.T) @ x).T
    return jax.lax.optimization_barrier(x.T) @ ct


def _by_w(ct, x, w):
    x, ct = x.reshape(-1, x.shape[-1]), ct.reshape(-1, ct.shape[-1])
    return jax.lax.platform_dependent(x, ct, cpu=_transposed_first, default=lambda x, ct: x.T @ ct)


def _batched(args, axes):
    x, w = args
    x_axis, w_axis = axes
    if w_axis is None:
        return product(jnp.moveaxis(x, x_axis, 0), w), 0
    return jax.vmap(_plain, axes)(x, w), 0


_product.def_impl(jax.jit(_plain))
_product.def_abstract_eval(_shape)
mlir.register_lowering(_product, mlir.lower_fun(_plain, multiple_results=False))
ad.defbilinear(_product, _by_x, _by_w)
batching.primitive_batchers[_product] = _batched
