"""The conditional INN, iterated: unfolding a sample no longer leans towards the truth it was trained on.

    python -m jaxunfold.train --config configs/iterated.py
    python -m jaxunfold.unfold --workdir runs/iterated --data FILE --out FILE
    python -m jaxunfold.train --config configs/iterated.py:table --data FILE

Trains as configs/cinn.py does and keeps the simulation; a measured sample is unfolded as a whole, with up to two more
trainings of 300 steps on the reweighted simulation. Training took seven minutes on one of two busy CPU cores; each
further iteration draws four times from every event, trains a classifier for ten epochs and the network on.
":table" takes any table file; ":smoke" and ":table-smoke" shrink them.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent


def get_config(arg: str = "") -> ConfigDict:
    """The config; "table" for tables, "smoke" or "table-smoke" shrink it to a minute."""
    if arg not in ("", "smoke", "table", "table-smoke"):
        raise ValueError(f"expected nothing, 'smoke', 'table' or 'table-smoke', found {arg!r}")
    smoke = ":smoke" if arg.endswith("smoke") else ""
    config = configs.load(str(HERE / ("table.py" if arg.startswith("table") else "cinn.py")) + smoke)
    del config.tune  # its ranges are those of another model
    config.model = {
        "base": config.method,
        "base_model": config.model.to_dict(),
        "iterations": 2 if smoke else 3,
        "stop": not smoke,
        "draws": 4,
        "warm": True,
        "steps": 20 if smoke else 300,
        "batch_size": 512,
        "learning_rate": 5e-4,
        "hidden": (64, 64),
        "epochs": 1 if smoke else 10,
        "classifier_batch": 512,
        "classifier_rate": 1e-3,
        "held_out": 0.1,
    }
    config.method = "iterated"
    return config
