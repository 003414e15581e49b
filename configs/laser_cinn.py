"""Latent space refinement of a trained conditional INN: the posterior of each event, corrected by a classifier.

    python -m jaxunfold.train --config configs/cinn.py
    python -m jaxunfold.train --config configs/laser_cinn.py [--config.base_run=DIR]

``base_run`` is the folder of any trained run with draws of each event; data, split and preprocessing are taken over
from it, and its weights are kept in this run, which needs no other folder afterwards. Draws are resampled out of four
times as many, each in proportion to its weight; ``config.model.sampler.kind`` may also be "weights" (weighted draws),
"hmc" or "refiner", the last with a section ``config.model.refiner``.
"""

from ml_collections import ConfigDict


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to a minute, ":refiner" trains a flow matching refiner as well."""
    if arg not in ("", "smoke", "refiner"):
        raise ValueError(f"expected nothing, 'smoke' or 'refiner', found {arg!r}")
    config = ConfigDict()
    config.method = "laser"
    config.base_run = "runs/cinn-smoke" if arg == "smoke" else "runs/cinn"
    # the base run's, but for a path that is given
    config.data = {"path": ""}
    config.model = {
        "sampler": {"kind": "resampling", "candidates": 4},
        "classifier": {"hidden": (256, 128), "activation": "silu"},
    }
    if arg == "refiner":
        config.model.sampler = {"kind": "refiner"}
        config.model.refiner = {
            "kind": "matching", "hidden": 128, "layers": 2, "ema": 0.998, "solver": {"kind": "heun", "steps": 10},
        }  # fmt: skip
    config.optimizer = {
        "kind": "adamw",
        "learning_rate": 1e-3,
        "schedule": "one_cycle",
        "weight_decay": 0.1,
        "clip_norm": 5.0,
    }
    config.training = {
        "batch_size": 512,
        "epochs": 6,
        "steps_per_dispatch": 50,
        "seed": 0,
        "checkpoint_every_seconds": 30.0,
        "select": "best",
        "patience": 0,
    }
    config.evaluation = {"events": 10000, "draws": 60}
    if arg == "smoke":
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 20})
    return config
