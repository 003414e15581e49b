"""Latent space refinement of generated W + 3 jets: the hole at pT < 25 GeV comes back, thesis section 4.5.

    python -m jaxunfold.train --config configs/generate_w_3jets.py
    python -m jaxunfold.train --config configs/laser_w_3jets.py [--config.base_run=DIR]
    python -m jaxunfold.generate --workdir runs/laser_w_3jets --events 1000000 --out refined.h5

A classifier of true against generated events sees the coordinates, and each jet's transverse momentum, the difference
to the next one's, and their distances, on scales that are fine around the edge of each: 0.1 GeV at the cut. Generated
events are resampled by its weights out of four times as many. ":hmc" runs a chain on from each of them in the latent
space, ":refiner" trains a flow on the weighted latents.
"""

from ml_collections import ConfigDict

ARGS = ("", "weights", "hmc", "refiner", "smoke")


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to a minute, ":weights" keeps weighted events in the evaluation."""
    if arg not in ARGS:
        raise ValueError(f"expected one of {ARGS}, found {arg!r}")
    config = ConfigDict()
    config.method = "laser"
    config.base_run = "runs/generate_w_3jets-smoke" if arg == "smoke" else "runs/generate_w_3jets"
    # the base run's, but for a path that is given
    config.data = {"path": ""}
    near_cut, order, separation = (25.0, 0.1), (0.0, 0.5), (0.4, 0.1)
    config.model = {
        "sampler": {"kind": "resampling", "candidates": 4},
        "classifier": {"hidden": (256, 128, 64), "activation": "silu"},
        "observables": {
            "pt_j1": near_cut, "pt_j2": near_cut, "pt_j3": near_cut, "eta_j1": (0.0, 1.0), "eta_j2": (0.0, 1.0),
            "eta_j3": (0.0, 1.0), "m_jj": (100.0, 30.0), "dr_12": separation, "dr_13": separation,
            "dr_23": separation, "gap_12": order, "gap_23": order,
        },
    }  # fmt: skip
    if arg == "weights":
        config.model.sampler = {"kind": "weights"}
    if arg == "hmc":
        config.model.sampler = {"kind": "hmc", "candidates": 4, "transitions": 6, "step_size": 0.1, "num_steps": 6}
    if arg == "refiner":
        config.model.sampler = {"kind": "refiner"}
        config.model.refiner = {
            "kind": "flow", "layer": "spline", "blocks": 8, "bins": 8, "bound": 5.0, "hidden": 64, "layers": 2,
            "ema": 0.998,
        }  # fmt: skip
    config.optimizer = {
        "kind": "adamw",
        "learning_rate": 1e-3,
        "schedule": "one_cycle",
        "weight_decay": 0.1,
        "clip_norm": 5.0,
    }
    config.training = {
        "batch_size": 1024,
        "epochs": 8,
        "steps_per_dispatch": 50,
        "seed": 0,
        "checkpoint_every_seconds": 30.0,
        "select": "last",
        "patience": 0,
    }
    config.evaluation = {"events": 5000, "draws": 10}
    if arg == "smoke":
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 5})
    return config
