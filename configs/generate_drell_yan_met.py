"""Drell-Yan with missing momentum and pile-up from a spline flow, or a GAN: arXiv:2008.08558, Figs. 7 and 8.

    python -m jaxunfold.simulate --config configs/data/drell_yan_met.py --events 8000 --seed 1 --out drell_yan_met.h5
    python -m jaxunfold.train --config configs/generate_drell_yan_met.py --data drell_yan_met.h5

Nine columns, mirrored in rapidity and at the plane of the electron; nothing is told of m_ee or of how missing
momentum grows with the number of vertices. ":gan" is the GAN with mean and width of m_ee in its loss (Eq. (19)),
":smoke" takes seconds. Half a CPU minute; expect, from one seed, missing momenta right within 0.6 GeV at few and
many vertices and m_ee a third too wide (flow; benchmarks/generation.md).
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent
COSH = "0.5 * (exp(eta_em - eta_ep) + exp(eta_ep - eta_em))"


def get_config(arg: str = "") -> ConfigDict:
    """The config; see the top of the file for its argument."""
    if arg not in ("", "gan", "smoke"):
        raise ValueError(f"expected nothing, 'gan' or 'smoke', found {arg!r}")
    config = configs.load(f"{HERE / 'generate_multi_jets.py'}:{arg}" if arg else HERE / "generate_multi_jets.py")
    config.observables = {
        "m_ee": f"sqrt(max(2 * pt_em * pt_ep * ({COSH} + cos(dphi)), 0))",
        "met": "sqrt(met_px * met_px + met_py * met_py)",
    }
    if arg == "gan":
        config.model.moments = {"observables": ("m_ee",), "mean": 1e-2, "width": 1e-2}
    config.training.epochs = {"": 12, "gan": 60, "smoke": 1}[arg]
    return config
