"""Unbinned, event-by-event unfolding of detector effects with generative networks, in JAX."""

__version__ = "0.1.0"


def __getattr__(name):
    # loaded on first use, so that `python -m jaxunfold.simulate` does not wait for jax
    if name == "load":
        from jaxunfold.saved import load

        return load
    if name == "Run":
        from jaxunfold.run import Run

        return Run
    raise AttributeError(f"module 'jaxunfold' has no attribute {name!r}")
