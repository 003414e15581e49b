"""OmniFold: the simulation is reweighted, without bins and in all coordinates at once, until it looks like the data.

    python -m jaxunfold.train --config configs/omnifold.py
    python -m jaxunfold.train --config configs/omnifold.py:table --data FILE

The first takes the embedded sample: its training part is the simulation, and the test part stands for the data, which
here come from the same truth, so that all weights should be one. Training only keeps the simulation; the classifiers
are trained when a measured sample is unfolded. Coordinates along the decay tree, none of them relative to the event
measured. ":table" takes any table file; ":smoke" shrinks either's networks, as in ":table-smoke".

Backgrounds: append simulated background events with negative weights to the measured file. Efficiency and acceptance:
``pass_reco`` and ``pass_truth`` in the simulation's file.

A minute on one CPU core. Expect that it stops at the first iteration, whose classifier tells held-out events apart no
better than a coin (-2e-3 +- 1e-3 nats), and leaves the simulation as it is.
"""

from ml_collections import ConfigDict


def get_config(arg: str = "") -> ConfigDict:
    """The config; "table" for tables, "smoke" or "table-smoke" shrink it to seconds."""
    if arg not in ("", "smoke", "table", "table-smoke"):
        raise ValueError(f"expected nothing, 'smoke', 'table' or 'table-smoke', found {arg!r}")
    table = arg.startswith("table")
    config = ConfigDict()
    config.method = "omnifold"
    config.resonances = {} if table else {"ll": ("e-", "e+"), "jj": ("q1", "q2")}
    config.data = {
        "path": "" if table else "sample:zw_2jet",
        "valid": 0,
        "test": 0.2 if table else 10000,
        "split_seed": 0,
        "augment": (),
        "resident_bytes": 2**32,
        "fit_events": 500_000,
    }
    if table:
        config.preprocess = {
            "coordinates": {"kind": "columns", "reco": None},
            "features": {"kind": "table"},
            "relative": (),
            "scaling": "quantile",
        }
    else:
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
            "relative": (),
            "scaling": "quantile",
        }
    config.model = {
        "iterations": 4,
        "stop": True,
        "hidden": (64, 64),
        "activation": "silu",
        "learning_rate": 1e-3,
        "epochs": 10,
        "batch_size": 512,
        "warm": True,
        "members": 3,
        "held_out": 0.1,
        "fakes": "fraction",
    }
    config.training = {"seed": 0, "batch_size": 512, "epochs": 1, "patience": 0}
    config.evaluation = {"events": 10000, "draws": 1}
    if arg.endswith("smoke"):
        config.model.update({"iterations": 2, "hidden": (16,), "epochs": 2, "members": 1})
    return config
