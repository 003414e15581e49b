"""The naive invertible network: one bijection from truth to what is measured, trained in both directions.

Thesis section 2.4.1, Eqs. (2.21) to (2.23), Table 2.2; Bellagente et al., arXiv:2006.06685, section 3.1. A baseline
with known faults: an event has one unfolded image, so its draws are no posterior (they are equal unless the reco side
is padded), and the mean squared error narrows what it cannot predict.
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import optax

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
    reco_noise: int = 0,
    mmd_weight: float = 0.1,
    mmd_observables: Sequence[str] = (),
    mmd_reco_observables: Sequence[str] = (),
    mmd_widths: Sequence[float] = (2.0, 8.0, 25.0, 67.0),
) -> Method:
    """Mean squared error of truth -> reco and of reco -> truth, and an MMD term on masses.

    Args:
      spec: The problem, in absolute coordinates. optimizer: An optax transformation.
      flow: Options of ``bijections.flows.build_flow``. activation: Of its networks.
      ema: Decay of the running mean of the weights; 0 keeps the last weights.
      truth_noise: D_rp; None for D_d - D_p + D_rd. reco_noise: D_rd.
      mmd_weight: lambda_MMD.
      mmd_observables: Of the unfolded events, compared with truth's; none leaves the term out.
      mmd_reco_observables: Of the smeared events, compared with the measured ones'.
      mmd_widths: Breit-Wigner kernel widths, in the observables' units.
    Raises: InputError if nothing is measured, the features do not hold mmd_reco_observables, the sizes do not match
      (D_d < D_p needs reco_noise) or coordinates are relative.
    """
    require_measured(spec, "inn")
    refuse_unseen(spec, mmd_reco_observables)
    two_way = build_two_way(spec, flow, activation, truth_noise, reco_noise)

    def terms(params, batch: Batch, key):
        (reco, _), (truth, _) = both_ways(params, two_way, batch, key)
        out = {
            "mse_reco": jnp.mean(batch.weight * squared_error(reco, batch.reco.features)),
            "mse_truth": jnp.mean(batch.weight * squared_error(truth, batch.truth)),
        }
        masses = observable_terms(spec, reco, truth, batch, mmd_observables, mmd_reco_observables, mmd_widths)
        out |= {name: mmd_weight * value for name, value in masses.items()}
        return sum(out.values()), out

    init, step = descent(two_way.init, terms, optimizer, ema)
    return two_way_method("inn", two_way, init, step, terms)
