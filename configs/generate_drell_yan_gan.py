"""Drell-Yan from a GAN that is told where the Z is and how wide: arXiv:2008.08558, section 4.1, Eq. (19).

    python -m jaxunfold.simulate --config configs/data/drell_yan.py --events 300000 --seed 1 --out drell_yan.h5
    python -m jaxunfold.train --config configs/generate_drell_yan_gan.py --data drell_yan.h5

Four momentum components, and in the loss mean and width of m_ee of each batch; ":plain" leaves these two terms out,
":mmd" has an MMD of the mass in their place. ":smoke" takes seconds. Expect, after 45
CPU seconds and from one seed, a peak 4 times too wide, 9 times with ":plain" (benchmarks/generation.md).
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent


def get_config(arg: str = "") -> ConfigDict:
    """The config; see the top of the file for its argument."""
    if arg not in ("", "plain", "mmd", "smoke"):
        raise ValueError(f"expected nothing, 'plain', 'mmd' or 'smoke', found {arg!r}")
    config = configs.load(f"{HERE}/generate_ttbar_gan.py:momenta")
    config.resonances = {"ee": ("e-", "e+")}
    config.observables = {}
    config.data = {**config.data.to_dict(), "path": "", "valid": 2000, "test": 10_000, "augment": ("y", "z")}
    config.preprocess.coordinates = {"kind": "momenta", "recoil": "e+"}
    mmd = {"kind": "fixed", "weight": 1.0, "observables": ("m_ee",), "widths": (2.0, 8.0), "kernel": "breit_wigner"}
    model = config.model.to_dict() | {"noise": 8, "mmd": mmd if arg == "mmd" else None}
    net = {"hidden": 32 if arg == "smoke" else 96, "layers": 2 if arg == "smoke" else 4, "residual": True}
    # lambda of the paper, 1e-4, beside a loss of about one: a width of twice 10 GeV costs 0.01
    moments = {"observables": ("m_ee",), "mean": 1e-2, "width": 1e-2}
    config.model = model | {"moments": None if arg in ("plain", "mmd") else moments, "generator": net, "critic": net}
    config.training.epochs = 1 if arg == "smoke" else 2
    if arg == "smoke":
        config.data.update({"valid": 200, "test": 1000})
        config.evaluation.update({"events": 1000, "draws": 5})
    return config
