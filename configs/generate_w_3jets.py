"""W + 3 jets from a spline flow without a condition: pp -> W+ j j j, all jets above 25 GeV, thesis section 4.5.

    python -m jaxunfold.simulate --config configs/data/w_3jets.py:jets --events 60000 --seed 1 --out w_3jets.h5
    python -m jaxunfold.train --config configs/generate_w_3jets.py
    python -m jaxunfold.generate --workdir runs/generate_w_3jets --events 1000000 --out more_w_3jets.h5

px, py and pz of the W and of each jet, twelve coordinates, so that the cut is a hole in the px-py plane of each jet,
which the flow fills. ":above" takes log(pT - 25 GeV), eta and azimuth of the jets instead: no jet is below the cut.
configs/laser_w_3jets.py refines the first. Trained on 49,000 events in five minutes of one CPU core; expect
0.02 to 0.2 per cent of the jets below 24 GeV, and none with ":above" (benchmarks/laser.md).
"""

from ml_collections import ConfigDict

W_MASS = 80.385
CUTS = {"j1": 25.0, "j2": 25.0, "j3": 25.0}


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":above" takes the other coordinates, ":smoke" shrinks it to a minute."""
    if arg not in ("", "above", "smoke"):
        raise ValueError(f"expected nothing, 'above' or 'smoke', found {arg!r}")
    config = ConfigDict()
    config.method = "cinn"
    config.resonances = {"jj": ("j1", "j2"), "jjj": ("j1", "j2", "j3")}
    config.observables = {
        "dphi_12": "deltaphi(j1, j2)", "dr_12": "deltar(j1, j2)", "dr_13": "deltar(j1, j3)",
        "dr_23": "deltar(j2, j3)",
        "gap_12": "pt(j1) - pt(j2)", "gap_23": "pt(j2) - pt(j3)",
        "px_j1": "px(j1)", "px_j3": "px(j3)", "pz_j1": "pz(j1)", "pz_W": "pz(W+)",
    }  # fmt: skip
    config.data = {
        "path": "w_3jets.h5",
        "valid": 1000,
        "test": 10000,
        "split_seed": 0,
        "augment": ("x", "y", "z"),
        "resident_bytes": 2**32,
        "fit_events": 500_000,
    }
    config.preprocess = {
        "coordinates": {"kind": "momenta", "masses": {"W+": W_MASS}},
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
    # each event comes with its mirror images: eight times as many
    config.training = {
        "batch_size": 512,
        "epochs": 12,
        "steps_per_dispatch": 50,
        "seed": 0,
        "checkpoint_every_seconds": 30.0,
        "select": "last",
        "patience": 0,
    }
    config.evaluation = {"events": 5000, "draws": 10}
    if arg == "above":
        config.preprocess.coordinates = {"kind": "above_cut", "cuts": CUTS, "masses": {"W+": W_MASS}}
    if arg == "smoke":
        config.model.flow.update({"blocks": 3, "hidden": 32})
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 5})
    return config
