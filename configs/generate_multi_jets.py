"""The two leading jets of multi-jet events from a spline flow, or a GAN: arXiv:2008.08558, section 4.2, Fig. 10.

    python -m jaxunfold.simulate --config configs/data/multi_jets.py --events 8000 --seed 1 --out multi_jets.h5
    python -m jaxunfold.train --config configs/generate_multi_jets.py --data multi_jets.h5
    python -m jaxunfold.train --config configs/generate_multi_jets.py:gan --data multi_jets.h5

Seven numbers, for the first jet lies at azimuth zero; the events are mirrored in rapidity and at the plane of the
first jet. Of m_jj, H_T of the two jets and their recoil nothing is told. Half a CPU minute of
training; expect KS distances of 0.01 to 0.03 from 2,800 held-out events (flow, one seed; benchmarks/generation.md).
":smoke" takes seconds.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent
# of two jets with masses, from pT, eta and the azimuth from back to back
COSH = "(exp(eta_j{0}) + exp(-eta_j{0}))"
ENERGY = f"sqrt(m_j{{0}} * m_j{{0}} + 0.25 * pt_j{{0}} * pt_j{{0}} * {COSH} * {COSH})"
ALONG = "0.5 * pt_j{0} * (exp(eta_j{0}) - exp(-eta_j{0}))"
E, Z = (f"({each.format(1)} + {each.format(2)})" for each in (ENERGY, ALONG))
RECOIL2 = "(pt_j1 * pt_j1 + pt_j2 * pt_j2 - 2 * pt_j1 * pt_j2 * cos(dphi))"


def get_config(arg: str = "") -> ConfigDict:
    """The config; see the top of the file for its argument."""
    if arg not in ("", "gan", "smoke"):
        raise ValueError(f"expected nothing, 'gan' or 'smoke', found {arg!r}")
    config = configs.load(HERE / "generate_ttbar.py")
    if arg == "gan":
        gan = configs.load(f"{HERE}/generate_ttbar_gan.py:momenta")
        config.method, config.model, config.optimizer = "gan", gan.model, gan.optimizer
        config.model.noise = 8
        config.model.mmd = None
        config.model.generator.update({"hidden": 96, "layers": 4})
        config.model.critic.update({"hidden": 96, "layers": 4})
    config.resonances = {}
    config.observables = {
        "m_jj": f"sqrt(max({E} * {E} - {Z} * {Z} - {RECOIL2}, 0))",
        "recoil": f"sqrt(max({RECOIL2}, 0))",
        "deta": "abs(eta_j1 - eta_j2)",
    }
    config.data = {**config.data.to_dict(), "path": "", "valid": 0.05, "test": 0.35}
    config.preprocess.coordinates = {"kind": "columns", "reco": None}
    config.training.epochs = 60 if arg == "gan" else 8
    if arg == "smoke":
        config.model.flow.update({"blocks": 3, "hidden": 32})
        config.training.epochs = 1
        config.evaluation.update({"events": 200, "draws": 5})
    return config
