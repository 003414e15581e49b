"""The naive INN of the paper: thesis Table 2.2, column 'INN'.

    python -m jaxunfold.simulate --config configs/data/zw_2jet.py --events 400000 --seed 2 --out zw_2jet_400k.h5
    python -m jaxunfold.train --config configs/inn_paper.py --data zw_2jet_400k.h5

24 blocks, 1000 epochs of batches of 512. 'Layers per block' counts linear maps: one hidden layer of 256 gives the
table's 150,000 weights (155,136 in all). What the table leaves open: a constant learning rate, standardised
inputs, a soft clamp at 2. Not run: days on two CPU cores; ``inn.py`` is what was measured.
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
        "valid": 0.02,
        "test": 0.1,
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
        "flow": {"layer": "affine", "blocks": 24, "clamp": 2.0, "hidden": 256, "layers": 1},
        "activation": "relu",
        "ema": 0.0,
        "truth_noise": 4,
        "reco_noise": 0,
        "mmd_weight": 0.1,
        "mmd_observables": ("m_ll", "m_jj"),
        "mmd_reco_observables": ("m_ll", "m_jj"),
        "mmd_widths": (2.0, 8.0, 25.0, 67.0),
    }
    config.optimizer = {"kind": "adam", "learning_rate": 8e-4, "schedule": "constant"}
    config.training = {
        "batch_size": 512,
        "epochs": 1000,
        "steps_per_dispatch": 50,
        "seed": 0,
        "checkpoint_every_seconds": 60.0,
        "select": "last",
        "patience": 0,
        "eval_batch_size": 512,
    }
    config.evaluation = {"events": 10000, "draws": 60}
    if arg == "smoke":
        config.model.flow.update({"blocks": 4, "hidden": 32})
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 20})
    return config
