"""x @ w for dense layers, with a weight gradient as fast as the product itself.

The gradient by the weights is x^T dy, summed over the events of a batch. XLA's CPU products of a transposed left side
reach half to three quarters of the rate of others, so x is transposed first: benchmarks/notes.md.

Under ``jax.default_matmul_precision("bfloat16")`` both factors of every product, gradients included, are rounded to
bfloat16 and summed in float32: for the matrix units of GPU and TPU; on a CPU the same numbers without the gain.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

_product = Primitive("product")
EXPONENT_BITS, MANTISSA_BITS = 8, 7
"""Of bfloat16."""


def product(x, w):
    """x [..., m] @ w [m, n] -> [..., n], under jit, vmap and any derivative."""
    return _product.bind(x, w, rounded=jax.config.jax_default_matmul_precision == "bfloat16")


def dot_general(x, w, dimension_numbers, precision=None, preferred_element_type=None):
    """``product`` with the signature that ``flax.linen.Dense`` calls.

    Raises: ValueError for another product than that of the last axis of x with the first of w.
    """
    expected = (((x.ndim - 1,), (0,)), ((), ()))
    if tuple(map(lambda pair: tuple(map(tuple, pair)), dimension_numbers)) != expected or w.ndim != 2:
        raise ValueError(f"dimension_numbers: expected {expected}, got {dimension_numbers}")
    return product(x, w)


def _plain(x, w, rounded):
    def dot(x, w, **options):
        return jax.lax.dot_general(x, w, (((x.ndim - 1,), (0,)), ((), ())), **options)

    def on_units(x, w):
        return dot(x.astype(jnp.bfloat16), w.astype(jnp.bfloat16), preferred_element_type=x.dtype)

    def emulated(x, w):
        return dot(_round(x), _round(w))

    return jax.lax.platform_dependent(x, w, cpu=emulated, default=on_units) if rounded else dot(x, w)


def _round(x):
    # a cast there and back would be taken out by XLA
    return jax.lax.reduce_precision(x, EXPONENT_BITS, MANTISSA_BITS)


def _shape(x, w, rounded):
    return ShapedArray((*x.shape[:-1], w.shape[1]), x.dtype)


def _by_x(ct, x, w, rounded):
    return _product.bind(ct, w.T, rounded=rounded)


def _transposed_first(x, ct):
    """x^T ct with one of the two transposed in memory before: whichever moves fewer numbers."""
    (events, inputs), outputs = x.shape, ct.shape[1]
    if events * inputs > (events + inputs) * outputs:
        # the second barrier keeps XLA from folding the last transposition into the product again
        return jax.lax.optimization_barrier(jax.lax.optimization_barrier(ct.T) @ x).T
    return jax.lax.optimization_barrier(x.T) @ ct


def _by_w(ct, x, w, rounded):
    x, ct = x.reshape(-1, x.shape[-1]), ct.reshape(-1, ct.shape[-1])

    def on_cpu(x, ct):
        return _transposed_first(_round(x), _round(ct)) if rounded else _transposed_first(x, ct)

    return jax.lax.platform_dependent(x, ct, cpu=on_cpu, default=lambda x, ct: _plain(x.T, ct, rounded))


def _batched(args, axes, rounded):
    x, w = args
    x_axis, w_axis = axes
    if w_axis is None:
        return _product.bind(jnp.moveaxis(x, x_axis, 0), w, rounded=rounded), 0
    return jax.vmap(partial(_plain, rounded=rounded), axes)(x, w), 0


_product.def_impl(jax.jit(_plain, static_argnames="rounded"))
_product.def_abstract_eval(_shape)
mlir.register_lowering(_product, mlir.lower_fun(_plain, multiple_results=False))
ad.defbilinear(_product, _by_x, _by_w)
batching.primitive_batchers[_product] = _batched
