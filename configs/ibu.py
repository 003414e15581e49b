"""Iterated Bayesian unfolding of one quantity in bins: what experiments publish with today.

    python -m jaxunfold.train --config configs/ibu.py
    python -m jaxunfold.train --config configs/ibu.py:table --data FILE

Data, coordinates and arguments are those of configs/omnifold.py; seconds on one core. The embedded sample is unfolded
in pT of the Z, a table in its first column; ``model.column`` names another. All else follows the simulation.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs


def get_config(arg: str = "") -> ConfigDict:
    """The config; takes the arguments of configs/omnifold.py, of which "smoke" changes nothing here."""
    config = configs.load(str(Path(__file__).parent / "omnifold.py") + (f":{arg}" if arg else ""))
    config.method = "ibu"
    config.model = {
        "column": "" if arg.startswith("table") else "pt_ll", "bins": 20, "reco_bins": 40, "iterations": 0,
    }  # fmt: skip
    return config
