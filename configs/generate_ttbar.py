"""Top pairs from a spline flow without a condition: pp -> t tbar -> six partons, on the embedded sample.

    python -m jaxunfold.train --config configs/generate_ttbar.py
    python -m jaxunfold.generate --workdir runs/generate_ttbar --events 1000000 --out more_ttbar.h5

Coordinates along the nested decay tree t -> b W -> b q q', so that the W and the top masses are coordinates of their
own and transverse momentum adds up to zero in every event. The b quarks' masses are given, the light quarks have
none. 48,000 training events, each with its mirror images in y and z.

Three CPU minutes of training, another for the report. Expect of 100,000 generated events: classifier AUC
against held-out truth 0.497 ± 0.004, W and top masses within 0.02 GeV, widths within 4 per cent, KS distances of
the spectra below 0.014, transverse momenta that balance to 7e-8 (benchmarks/generation.md).
"""

from ml_collections import ConfigDict

TREE = {"t": ("b", "W+"), "W+": ("q1", "q2"), "tbar": ("bbar", "W-"), "W-": ("q3", "q4")}
MASSES = {"b": 4.8, "bbar": 4.8}


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to a minute."""
    if arg not in ("", "smoke"):
        raise ValueError(f"expected nothing or 'smoke', found {arg!r}")
    config = ConfigDict()
    config.method = "cinn"
    config.resonances = TREE
    config.observables = {"m_tt": "mass(t+tbar)", "dphi_bb": "deltaphi(b, bbar)", "dr_bq": "deltar(b, q1)"}
    config.data = {
        "path": "sample:ttbar",
        "valid": 2000,
        "test": 10000,
        "split_seed": 0,
        "augment": ("y", "z"),
        "resident_bytes": 2**32,
        "fit_events": 500_000,
    }
    config.preprocess = {
        "coordinates": {"kind": "resonance", "resonances": TREE, "masses": MASSES, "recoil": "tbar"},
        "features": {"kind": "none"},
        "relative": (),
        "scaling": "quantile",
    }
    config.model = {
        "flow": {"layer": "spline", "blocks": 10, "bins": 8, "bound": 5.0, "hidden": 96, "layers": 2},
        "condition": {"kind": "dense", "output": 1},
        "activation": "relu",
        "weight_decay": 0.0,
        "ema": 0.998,
    }
    config.optimizer = {
        "kind": "adamw",
        "learning_rate": 2e-3,
        "schedule": "one_cycle",
        "weight_decay": 0.1,
        "clip_norm": 5.0,
    }
    config.training = {
        "batch_size": 512,
        "epochs": 10,
        "steps_per_dispatch": 50,
        "seed": 0,
        "checkpoint_every_seconds": 30.0,
        "select": "last",
        "patience": 0,
    }
    # the draws of all events are one generated sample
    config.evaluation = {"events": 10000, "draws": 10}
    if arg == "smoke":
        config.model.flow.update({"blocks": 3, "hidden": 32})
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 5})
    return config
