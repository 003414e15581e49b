"""MMD on named observables as a loss term, in the papers' variants, found by name in ``VARIANTS``.

Bellagente et al., arXiv:1912.00477, appendix B, compares the first three: one kernel width is the single kernel,
several are the staggered ones.
"""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxunfold.errors import InputError
from jaxunfold.losses.conditional_mmd import condition_weights, conditional_mmd_squared
from jaxunfold.losses.kernels import KERNELS
from jaxunfold.losses.mmd import mmd_squared, root
from jaxunfold.losses.spread import SPREADS, cooling_width

LARGE = 1e6
"""Observables are taken within +- this, so that differences of them stay finite."""


@jax.custom_vjp
def finite_gradient(x):
    """x itself; an event [n, ...] whose gradient is not finite gets none, as where a momentum nearly overflows."""
    return x


def _backward(_, slope):
    good = jnp.isfinite(slope).all(axis=tuple(range(1, slope.ndim)), keepdims=True)
    return (jnp.where(good, slope, 0.0),)


finite_gradient.defvjp(lambda x: (x, None), _backward)


def fixed(ours, target, seen, reco, weight, *, widths, kernel, unbiased):
    """Kernels of given widths, in the observable's units."""
    return mmd_squared(ours, target, widths, weight, weight, kernel=kernel, unbiased=unbiased)


def cooling(ours, target, seen, reco, weight, *, widths, kernel, unbiased, of="std"):
    """Widths that are fractions of the generated batch's own: they shrink as fast as the generator follows."""
    own = [cooling_width(ours, weight, fraction, of) for fraction in widths]
    return mmd_squared(ours, target, own, weight, weight, kernel=kernel, unbiased=unbiased)


def augmented(ours, target, seen, reco, weight, *, widths, kernel, unbiased):
    """Of pairs with the observable of the measured event, (M_G, M_D) against (M_P, M_D)."""
    pairs = (jnp.stack([values, seen], axis=-1) for values in (ours, target))
    return mmd_squared(*pairs, widths, weight, weight, kernel=kernel, unbiased=unbiased)


def conditional(ours, target, seen, reco, weight, *, widths, kernel, unbiased, cond_width=0.0, ridge=0.1):
    """Of the distributions given the measured event: see ``losses.conditional_mmd``.

    cond_width: Of the kernel on standardised features; 0 is the root of their number. ridge: see there.
    """
    width = cond_width or reco.features.shape[1] ** 0.5
    pairs = condition_weights(reco.features, width, ridge, weight)
    return conditional_mmd_squared(ours, target, pairs, widths, kernel)


VARIANTS = {"fixed": fixed, "cooling": cooling, "augmented": augmented, "conditional": conditional}


def build_observable_mmd(
    spec,
    kind: str = "fixed",
    *,
    weight: float = 1.0,
    observables: Sequence[str] = (),
    widths: Sequence[float] = (2.0, 8.0, 25.0, 67.0),
    kernel: str = "breit_wigner",
    squared: bool = False,
    unbiased: bool = False,
    **options,
) -> Callable:
    """A term of the generator's loss: (generated [n, d], batch) -> scalar, summed over the observables.

    Args:
      spec: The problem. kind: A key of ``VARIANTS``; options are its own.
      weight: lambda_G, in front of the sum.
      observables: Names, e.g. ("m_jj",). widths: positive; of ``cooling`` in units of the batch's own width.
      kernel: A key of ``KERNELS``. squared: MMD^2 in place of MMD. unbiased: which estimator.
    Raises: InputError if a name is unknown, there is nothing to compare, or the features do not hold the measured
      observable that ``augmented`` looks at.
    """
    for name, value, known in (("kind", kind, VARIANTS), ("kernel", kernel, KERNELS)):
        if value not in known:
            raise InputError(f"model.mmd.{name}: expected one of {', '.join(known)}, found {value!r}")
    if options.get("of", "std") not in SPREADS:
        raise InputError(f"model.mmd.of: expected one of {', '.join(SPREADS)}, found {options['of']!r}")
    if not observables:
        raise InputError("model.mmd.observables: expected at least one, found none")
    if not widths or min(widths) <= 0:
        raise InputError(f"model.mmd.widths: expected positive widths, found {tuple(widths)}")
    if kind == "conditional" and unbiased:
        raise InputError(
            "model.mmd.unbiased: expected False for kind 'conditional', which has one estimator, found True"
        )
    if kind == "augmented" and spec.reco_observables is None:
        raise InputError(
            "model.mmd.kind: 'augmented' expected features that hold the whole measured event, as "
            "preprocess.features.kind = 'four_momenta'"
        )

    def term(generated: Array, batch) -> Array:
        ours = spec.observables(finite_gradient(generated), batch.reco)
        target = spec.observables(batch.truth, batch.reco)
        seen: Mapping[str, Array] = {}
        if kind == "augmented":
            seen = spec.reco_observables(batch.reco.features)
        if missing := [name for name in observables if name not in (seen or target) or name not in target]:
            known = tuple(name for name in target if not seen or name in seen)
            raise InputError(f"model.mmd.observables: expected names among {known}, found {missing[0]!r}")
        total = 0.0
        for name in observables:
            found = VARIANTS[kind](
                jnp.clip(ours[name], -LARGE, LARGE), target[name], seen.get(name), batch.reco, batch.weight,
                widths=widths, kernel=kernel, unbiased=unbiased, **options,
            )  # fmt: skip
            total = total + (found if squared else root(found))
        return weight * total

    return term
