"""The noise-extended eINN of the papers on the embedded sample: a baseline with known faults.

    python -m jaxunfold.train --config configs/einn.py

One bijection from truth and noise, 12 + 16, to four-momenta of the measured event and noise, 16 + 12 (thesis Eq. 2.24
and Table 2.2). Half of the paper's blocks, half its batch, one-cycle learning rate, 48,000 events.

Nine minutes of training on one CPU core, ten with the evaluation. Expect what the fault is, posteriors that are too
narrow: 33 per cent of the truths in the central 68 per cent of draws of pT_q1, 27 to 64 by observable; joint
classifier AUC 0.996, marginal 0.77, m_jj 2.6 times too wide (one seed, 3,000 test events).
"""

from ml_collections import ConfigDict


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to a minute."""
    if arg not in ("", "smoke"):
        raise ValueError(f"expected nothing or 'smoke', found {arg!r}")
    config = ConfigDict()
    config.method = "einn"
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
        "truth_noise": 16,
        "reco_noise": 12,
        "mse_weight": 1.0,
        "mmd_weight": 0.2,
        "component_widths": (0.03, 0.13, 0.4, 1.1),
        "mmd_observables": ("m_ll", "m_jj"),
        "mmd_reco_observables": (),
        "mmd_widths": (2.0, 8.0, 25.0, 67.0),
    }
    config.optimizer = {"kind": "adam", "learning_rate": 8e-4, "schedule": "one_cycle", "clip_norm": 5.0}
    config.training = {
        "batch_size": 256,
        "epochs": 24,
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
