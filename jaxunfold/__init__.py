"""Unbinned, event-by-event unfolding of detector effects with generative networks, in JAX."""

__version__ = "0.1.0"


def __getattr__(name):
    # loaded on first use, so that `python -m jaxunfold.simulate` does not wait for jax
    if name in ("load", "Run"):
        from jaxunfold import run

        return getattr(run, name)
    raise AttributeError(f"module 'jaxunfold' has no attribute {name!r}")
