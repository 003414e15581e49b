"""The naive INN of the papers on the embedded sample: a baseline with known faults.

    python -m jaxunfold.train --config configs/inn.py

One bijection from truth and noise, 12 + 4, to four-momenta of the measured event, 16 (thesis Eq. 2.21 and Table 2.2):
squared error both ways and MMD of the unfolded masses. Half of the paper's blocks, half its batch, one-cycle learning
rate, 48,000 events.

Two and a half minutes of training on one CPU core, four with the evaluation. Expect what the faults are: an event's
draws are all the same, so no truth lies in their central 68 per cent; joint classifier AUC 0.994, marginal 0.76, m_jj
2.3 times too wide (one seed, 3,000 test events).
"""

from ml_collections import ConfigDict


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to a minute."""
    if arg not in ("", "smoke"):
        raise ValueError(f"expected nothing or 'smoke', found {arg!r}")
    config = ConfigDict()
    config.method = "inn"
    config.resonances = {"ll": ("e-", "e+"), "jj": ("q1", "q2")}
    config.data = {
        "path": "sample:zw_2jet",
        "valid": 2000,
        "test": 10000,
        "split_seed": 0,
        "augment": (),
        "resident_bytes": 2**32,
        "fit_events": 500_000,
    }
    config.preprocess = {
        "coordinates": {"kind": "momenta"},
        "features": {"kind": "four_momenta"},
        "relative": (),
        "scaling": "standard",
    }
    config.model = {
        "flow": {"layer": "affine", "blocks": 12, "clamp": 2.0, "hidden": 256, "layers": 1},
        "activation": "relu",
        "ema": 0.998,
        "truth_noise": 4,
        "reco_noise": 0,
        "mmd_weight": 0.1,
        "mmd_observables": ("m_ll", "m_jj"),
        "mmd_reco_observables": (),
        "mmd_widths": (2.0, 8.0, 25.0, 67.0),
    }
    config.optimizer = {"kind": "adam", "learning_rate": 8e-4, "schedule": "one_cycle", "clip_norm": 5.0}
    config.training = {
        "batch_size": 256,
        "epochs": 30,
        "steps_per_dispatch": 50,
        "seed": 0,
        "checkpoint_every_seconds": 60.0,
        "select": "last",
        "patience": 0,
        "eval_batch_size": 500,
    }
    config.evaluation = {"events": 10000, "draws": 60}
    if arg == "smoke":
        config.model.flow.update({"blocks": 4, "hidden": 32})
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 20})
    return config
