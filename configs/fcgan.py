"""The fully conditional GAN of the papers on the embedded sample, at a size for two CPU cores.

    python -m jaxunfold.train --config configs/fcgan.py
    python -m jaxunfold.train --config configs/fcgan.py:momenta

Noise and the measured event in, a true event out; generator and critic see the measured event. As it stands in the
coordinates of ``cinn.py``, relative to a kinematic fit of each measured event; ":momenta" takes the papers' own,
momentum components with the masses of the particles fixed, where the W's peak has to be made: its MMD term on m_jj
can be ":momenta,single", "multiple" (as it stands), "cooling", "augmented" or "conditional".

Seven CPU minutes of training. Expect, from three seeds: bulk of the quarks' and the W's spectra within 8 per cent,
width of m_jj off by -5 per cent, joint classifier AUC 0.72 to 0.78, worst calibration 0.04 to 0.07, draws a tenth too
narrow. With momentum components (one seed): quarks' spectra off by 60 per cent, an eighth of the spread that draws
should have; ":momenta,relative", relative to the measured ones: 13 per cent, 0.77, and m_jj twice as wide as it is.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent
BASE = {"weight": 1.0, "observables": ("m_jj",), "widths": (2.0, 8.0, 25.0, 67.0), "kernel": "breit_wigner"}
MMD = {
    "single": BASE | {"kind": "fixed", "widths": (8.0,)},
    "multiple": BASE | {"kind": "fixed"},
    "cooling": BASE | {"kind": "cooling", "widths": (0.25,), "of": "std"},
    "augmented": BASE | {"kind": "augmented"},
    "conditional": BASE | {"kind": "conditional", "cond_width": 0.0, "ridge": 0.1},
}


def get_config(arg: str = "") -> ConfigDict:
    """The config; "momenta", a variant of the MMD term and "smoke" are words after the colon."""
    words = [word for word in arg.split(",") if word]
    if unknown := [word for word in words if word not in (*MMD, "momenta", "relative", "smoke")]:
        raise ValueError(f"expected words among momenta, relative, smoke, {', '.join(MMD)}, found {unknown[0]!r}")
    config = configs.load(HERE / "cinn.py")
    del config.tune  # its ranges are those of another model
    config.method = "fcgan"
    config.data.augment = ("y", "z")
    config.model = {
        "generator": {"hidden": 128, "layers": 4, "residual": True},
        "critic": {"hidden": 128, "layers": 4, "residual": True},
        "condition": None,
        "noise": 12,
        "loss": "jensen_shannon",
        "penalty": {"kind": "wrong_side", "weight": 0.1},
        "critic_updates": 1,
        "critic_rate": 1.0,
        "clip_weights": 0.0,
        "mmd": {},
        "activation": "leaky_relu",
        "tails": 6.0,
        "ema": 0.999,
    }
    config.optimizer = {
        "kind": "adam",
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "warmup": 0.02,
        "end_factor": 0.05,
        "b1": 0.5,
        "b2": 0.99,
        "clip_norm": 100.0,
    }
    config.training.epochs = 40
    variant = next((word for word in words if word in MMD), "multiple")
    config.model.mmd = ConfigDict(MMD[variant])
    if "momenta" not in words and variant == "multiple":
        config.model.mmd.update({"weight": 0.3, "observables": ("m_jj", "m_ll"), "widths": (1.0, 3.0, 10.0, 30.0)})
    if "momenta" in words:
        config.preprocess = {
            "coordinates": {"kind": "momenta"},
            "features": {"kind": "four_momenta"},
            "relative": (),
            "scaling": "standard",
        }
        if "relative" in words:
            components = tuple(f"{c}_{leaf}" for leaf in ("e-", "e+", "q1", "q2") for c in ("px", "py", "pz"))
            config.preprocess.update({"relative": components, "scaling": "quantile"})
    if "smoke" in words:
        config.model.generator.update({"hidden": 32, "layers": 2})
        config.model.critic.update({"hidden": 32, "layers": 2})
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 20})
    return config
