"""The conditional INN on a table file: any analysis with named columns, no four-vectors needed.

    python -m jaxunfold.train --config configs/table.py --data FILE [--workdir DIR]

needs a file with ``truth/table`` [n, d] and ``reco/table`` [n, r], ten events or more, tens of thousands for
a good unfolding. One is written so:

    import numpy as np
    from jaxunfold.data.events import Events, write
    truth = np.random.default_rng(0).gamma(3.0, 20.0, (50_000, 2))
    reco = truth * np.random.default_rng(1).normal(1.0, 0.1, truth.shape)
    write("table.h5", Events(reco, truth, truth_names=("pt", "mass"), reco_names=("pt_det", "mass_det")))

Where a column is measured almost exactly, learn its difference from the measurement: name its reco column and
make it relative, with the two flags

    --config.preprocess.coordinates.reco="{'pt': 'pt_det'}" --config.preprocess.relative="('pt',)"

About two minutes on two CPU cores for 50,000 events and a few columns; ":smoke" takes ten seconds.
"""

from ml_collections import ConfigDict


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to seconds."""
    if arg not in ("", "smoke"):
        raise ValueError(f"expected nothing or 'smoke', found {arg!r}")
    config = ConfigDict()
    config.method = "cinn"
    config.resonances = {}
    config.data = {
        "path": "",
        "valid": 0.1,
        "test": 0.2,
        "split_seed": 0,
        "augment": (),
        "resident_bytes": 2**32,
        "fit_events": 500_000,
    }
    config.preprocess = {
        "coordinates": {"kind": "columns", "reco": None},
        "features": {"kind": "table"},
        "relative": (),
        "scaling": "quantile",
    }
    config.model = {
        "flow": {"layer": "spline", "blocks": 6, "bins": 8, "bound": 5.0, "hidden": 64, "layers": 2},
        "condition": {"kind": "dense", "layers": 2, "units": 128, "output": 32},
        "activation": "relu",
        "weight_decay": 0.0,
        "ema": 0.99,
    }
    config.optimizer = {
        "kind": "adamw",
        "learning_rate": 2e-3,
        "schedule": "one_cycle",
        "weight_decay": 1e-4,
        "clip_norm": 5.0,
    }
    config.training = {
        "batch_size": 512,
        "epochs": 20,
        "steps_per_dispatch": 50,
        "seed": 0,
        "checkpoint_every_seconds": 30.0,
        "select": "last",
        "patience": 0,
    }
    config.evaluation = {"events": 10_000, "draws": 60}
    # where python -m jaxunfold.tune looks; 0 epochs are those of the training
    config.tune = {
        "epochs": 0,
        "ranges": {
            "model": {
                "flow": {"blocks": ("int", 1, 12), "hidden": ("log", 8, 128), "layers": ("int", 1, 3)},
                "condition": {"units": ("log", 8, 256)},
                "ema": ("choice", (0.9, 0.99, 0.999)),
            },
            "optimizer": {"learning_rate": ("log", 3e-4, 1e-2), "weight_decay": ("log", 1e-5, 1.0)},
        },
    }
    if arg == "smoke":
        config.model.flow.update({"blocks": 2, "hidden": 16})
        config.model.condition.update({"units": 32, "output": 8})
        config.training.epochs = 1
        config.evaluation.update({"events": 500, "draws": 20})
    return config
