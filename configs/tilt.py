"""Six numbers in place of a network: an exponential tilt of the simulation's truth, as a mark for all other methods.

    python -m jaxunfold.train --config configs/tilt.py
    python -m jaxunfold.train --config configs/tilt.py:table --data FILE

Data, coordinates and arguments are those of configs/omnifold.py; seconds on one core. A table is tilted in its first
three columns; ``model.columns`` names others.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs


def get_config(arg: str = "") -> ConfigDict:
    """The config; takes the arguments of configs/omnifold.py, of which "smoke" changes nothing here."""
    config = configs.load(str(Path(__file__).parent / "omnifold.py") + (f":{arg}" if arg else ""))
    config.method = "tilt"
    config.model = {"columns": () if arg.startswith("table") else ("pt_ll", "m_jj", "eta_e-")}
    return config
