"""Options for XLA's compiler on a CPU, for programs whose compilation takes longer than all of their work."""

import functools

import jax

LONG = {"xla_cpu_use_fusion_emitters": False}
"""For long elementwise programs without matrix products: XLA's older code generator, in half of the time."""
ONCE = LONG | {"xla_backend_optimization_level": 1}
"""For a program that runs once: compiled plainly as well."""


def options(wanted: dict) -> dict | None:
    """``compiler_options`` for ``jax.jit``: those wanted, or None on another backend or where XLA knows them not."""
    return _options(jax.default_backend(), tuple(sorted(wanted.items())))


@functools.lru_cache
def _options(backend: str, wanted: tuple) -> dict | None:
    if backend != "cpu":
        return None
    try:
        jax.jit(lambda x: x).lower(0.0).compile(compiler_options=dict(wanted))
    except (jax.errors.JaxRuntimeError, ValueError):
        return None
    return dict(wanted)
