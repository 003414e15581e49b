"""Iterated Bayesian unfolding of one quantity in bins: what experiments publish with today.

    python -m jaxunfold.train --config configs/ibu.py
    python -m jaxunfold.train --config configs/ibu.py:table --data FILE

Data, coordinates and arguments as in configs/omnifold.py. The embedded sample is unfolded in pT of the Z, a table
in its first column; ``model.column`` names another, all else follows. 45 CPU seconds with the report; with
``--config.data.test=2000``: two iterations, KS distance of pt_ll 0.006, classifier AUC on truth alone 0.51.
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
