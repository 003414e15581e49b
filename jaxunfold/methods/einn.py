"""The noise-extended invertible network: noise on both sides, distributions compared instead of events.

Thesis section 2.4.2, Eq. (2.24), Table 2.2; Bellagente et al., arXiv:2006.06685, section 3.2. A baseline with a known
fault: MMD sees each degree of freedom by itself, so that only the mean squared error ties an unfolded event to the
measured one, and it shrinks the noise: the posteriors are too narrow (Fig. 2.13).
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import optax

from jaxunfold.losses.mmd import mmd_of_components, mmd_to_normal
from jaxunfold.losses.mse import squared_error
from jaxunfold.methods.bidirectional import both_ways, build_two_way, observable_terms, refuse_unseen, two_way_method
from jaxunfold.methods.measured import require_measured
from jaxunfold.training.descent import descent
from jaxunfold.types import Batch, Method, Spec


def build(
    spec: Spec,
    optimizer: optax.GradientTransformation,
    *,
    flow: Mapping,
    activation: str = "relu",
    ema: float = 0.0,
    truth_noise: int | None = None,
    reco_noise: int | None = None,
    mse_weight: float = 1.0,
    mmd_weight: float = 0.2,
    component_widths: Sequence[float] = (0.03, 0.13, 0.4, 1.1),
    mmd_observables: Sequence[str] = (),
    mmd_reco_observables: Sequence[str] = (),
    mmd_widths: Sequence[float] = (2.0, 8.0, 25.0, 67.0),
) -> Method:
    """MMD of every degree of freedom, and of the noise in both directions, of masses, and a weak squared error.

    Args:
      spec: The problem, in absolute coordinates. optimizer: An optax transformation.
      flow: Options of ``bijections.flows.build_flow``. activation: Of its networks.
      ema: Decay of the running mean of the weights; 0 keeps the last weights.
      truth_noise: D_rp; None for D_d - D_p + D_rd. reco_noise: D_rd; None for D_p. Both None: D_d and D_p.
      mse_weight: Of the mean squared error over components, in each direction.
      mmd_weight: lambda_MMD, of the sum over components, noise and observables.
      component_widths: Kernel widths of standardised components and noise: 2, 8, 25, 67 GeV of a 60 GeV spread.
      mmd_observables: Of the unfolded events, compared as well. mmd_reco_observables: of the smeared ones.
      mmd_widths: Kernel widths, in the observables' units.
    Raises: InputError if nothing is measured, the features do not hold mmd_reco_observables, sizes do not match or
      coordinates are relative.
    """
    require_measured(spec, "einn")
    refuse_unseen(spec, mmd_reco_observables)
    two_way = build_two_way(spec, flow, activation, truth_noise, spec.dim if reco_noise is None else reco_noise)

    def terms(params, batch: Batch, key):
        (reco, reco_left), (truth, truth_left) = both_ways(params, two_way, batch, key)
        weight, features = batch.weight, batch.reco.features
        mmd = {
            "mmd_reco": jnp.sum(mmd_of_components(reco, features, component_widths, weight, weight)),
            "mmd_truth": jnp.sum(mmd_of_components(truth, batch.truth, component_widths, weight, weight)),
            "mmd_reco_noise": jnp.sum(mmd_to_normal(reco_left, component_widths, weight)),
            "mmd_truth_noise": jnp.sum(mmd_to_normal(truth_left, component_widths, weight)),
        }
        mmd |= observable_terms(spec, reco, truth, batch, mmd_observables, mmd_reco_observables, mmd_widths)
        out = {name: mmd_weight * value for name, value in mmd.items()}
        out["mse_reco"] = mse_weight * jnp.mean(weight * squared_error(reco, features))
        out["mse_truth"] = mse_weight * jnp.mean(weight * squared_error(truth, batch.truth))
        return sum(out.values()), out

    init, step = descent(two_way.init, terms, optimizer, ema)
    return two_way_method("einn", two_way, init, step, terms)
