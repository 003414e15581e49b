"""The conditional INN, as good as two CPU cores make it in a few minutes, on the embedded sample.

    python -m jaxunfold.train --config configs/cinn.py

Coordinates along the decay tree, relative to a kinematic fit of each measured event and whitened by its
curvature; spline couplings; training events mirrored in y and z. 48,000 training, 10,000 test events.

Six and a half minutes on two CPU cores, four of them training, with another training beside it on one of them.
Expect on the test events: joint classifier AUC 0.565, marginal 0.50, worst calibration 0.019, KS of m_jj 0.008
(benchmarks/quality.md has the spread over seeds).
"""

from ml_collections import ConfigDict


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to a minute."""
    if arg not in ("", "smoke"):
        raise ValueError(f"expected nothing or 'smoke', found {arg!r}")
    config = ConfigDict()
    config.method = "cinn"
    config.resonances = {"ll": ("e-", "e+"), "jj": ("q1", "q2")}
    config.data = {
        "path": "sample:zw_2jet",
        "valid": 2000,
        "test": 10000,
        "split_seed": 0,
        "augment": ("y", "z"),
        "resident_bytes": 2**32,
        "fit_events": 500_000,
    }
    config.preprocess = {
        "coordinates": {
            "kind": "resonance",
            "resonances": {"ll": ("e-", "e+"), "jj": ("q1", "q2")},
            "decays": {"ll": "lab", "jj": "frame"},
            "recoil": "jj",
            "reco": {"e-": "e-", "e+": "e+", "q1": "j1", "q2": "j2"},
        },
        "features": {
            "kind": "kinematics",
            "axis": ("e-", "e+"),
            "pairs": {"ll": ("e-", "e+"), "jj": ("j1", "j2")},
        },
        "relative": (
            "log_pt_ratio_ll", "eta_e-", "eta_e+", "phi_e-", "phi_e+", "y_jj", "atanh_cos_jj", "psi_jj",
        ),
        "reference": "fit",
        "scaling": "quantile",
    }  # fmt: skip
    config.model = {
        "flow": {"layer": "spline", "blocks": 10, "bins": 8, "bound": 5.0, "hidden": 128, "layers": 2},
        "condition": {"kind": "dense", "layers": 2, "units": 256, "output": 64},
        "activation": "relu",
        "weight_decay": 0.0,
        "ema": 0.998,
    }
    config.optimizer = {
        "kind": "adamw",
        "learning_rate": 2e-3,
        "schedule": "one_cycle",
        "weight_decay": 0.4,
        "clip_norm": 5.0,
    }
    config.training = {
        "batch_size": 512,
        "epochs": 16,
        "steps_per_dispatch": 50,
        "seed": 0,
        "checkpoint_every_seconds": 30.0,
        "select": "last",
        "patience": 0,
    }
    config.evaluation = {"events": 10000, "draws": 60}
    # where python -m jaxunfold.tune looks, and for how many epochs a trial
    config.tune = {
        "epochs": 4,
        "ranges": {
            "model": {
                "flow": {
                    "blocks": ("int", 4, 16),
                    "bins": ("int", 4, 16),
                    "hidden": ("choice", (32, 64, 128, 192, 256)),
                    "layers": ("int", 1, 3),
                },
                "condition": {
                    "layers": ("int", 1, 4),
                    "units": ("choice", (64, 128, 256, 512)),
                    "output": ("choice", (16, 32, 64, 128)),
                },
                "ema": ("choice", (0.9, 0.99, 0.998, 0.999)),
            },
            "optimizer": {"learning_rate": ("log", 3e-4, 1e-2), "weight_decay": ("log", 1e-3, 2.0)},
            "training": {"batch_size": ("choice", (256, 512, 1024))},
        },
    }
    if arg == "smoke":
        config.model.flow.update({"blocks": 4, "hidden": 32})
        config.training.epochs = 1
        config.tune.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 20})
    return config
