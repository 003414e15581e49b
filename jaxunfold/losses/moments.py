r"""Mean and width of named observables as a loss term: what the GAN for Drell-Yan of arXiv:1901.05282 has of the Z.

The review arXiv:2008.08558, Eq. (19): $\lambda_m (m - m_G)^2 + \lambda_\sigma (\sigma - \sigma_G)^2$ of a batch, with
the training events' mean and standard deviation for the given numbers.
"""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxunfold.errors import InputError
from jaxunfold.losses.observable_mmd import LARGE, finite_gradient


def mean_and_width(x: Float[Array, " n"], weight: Float[Array, " n"]):
    """Mean and standard deviation of weighted numbers."""
    total = jnp.sum(weight)
    mean = jnp.sum(weight * x) / total
    # the root has no slope at zero
    return mean, jnp.sqrt(jnp.sum(weight * (x - mean) ** 2) / total + 1e-12)


def build_moments(spec, *, observables: Sequence[str], mean: float = 1e-4, width: float = 1e-4) -> Callable:
    """A term of the generator's loss: (generated [n, d], batch) -> scalar, summed over the observables.

    Args:
      spec: The problem. observables: names, e.g. ("m_ee",). mean, width: lambda_m and lambda_sigma, per squared unit.
    Raises: InputError if there is nothing to compare, a weight is negative, or (when called) a name is unknown.
    """
    if not observables or mean < 0 or width < 0:
        raise InputError(
            "model.moments: expected at least one of observables, and mean and width >= 0, found "
            f"{tuple(observables)}, {mean} and {width}"
        )

    def term(generated: Array, batch) -> Array:
        ours = spec.observables(finite_gradient(generated), batch.reco)
        target = spec.observables(batch.truth, batch.reco)
        if missing := [name for name in observables if name not in target]:
            raise InputError(f"model.moments.observables: expected names among {tuple(target)}, found {missing[0]!r}")
        total = 0.0
        for name in observables:
            found, wanted = (
                mean_and_width(jnp.clip(values[name], -LARGE, LARGE), batch.weight) for values in (ours, target)
            )
            total = total + mean * (found[0] - wanted[0]) ** 2 + width * (found[1] - wanted[1]) ** 2
        return total

    return term
