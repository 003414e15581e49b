"""A Bayesian INN that generates Drell-Yan events, and how sure it is of their spectra: thesis section 3.4, Table 3.2.

    python -m jaxunfold.simulate --config configs/data/drell_yan.py --events 300000 --seed 1 --out drell_yan.h5
    python -m jaxunfold.train --config configs/bayesian_drell_yan.py --data drell_yan.h5

Four coordinates, px, py, pz of the electron and pz of the positron, as in the thesis; affine couplings with 12 blocks
instead of 20 and 300,000 instead of 1,000,000 events; ":paper" has Table 3.2's sizes, ":smoke" takes seconds. The
report's spectra have the training's band, metrics.json the pulls of every observable's bins.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent


def get_config(arg: str = "") -> ConfigDict:
    """The config; see the top of the file for its argument."""
    config = configs.load(f"{HERE / 'bayesian_ramp.py'}:{arg}" if arg else HERE / "bayesian_ramp.py")
    config.experiment = ""
    config.resonances = {"ee": ("e-", "e+")}
    config.observables = {"E_e+": "energy(e+)", "px_e+": "px(e+)", "pz_e+": "pz(e+)"}
    config.preprocess.coordinates = {"kind": "momenta", "recoil": "e+"}
    config.preprocess.features = {"kind": "none"}
    if arg != "smoke":
        config.model.base_model.flow.update({"hidden": 64, "layers": 2})
    config.training.epochs = {"smoke": 1, "paper": 500}.get(arg, 32)
    # draws of all events are one generated sample
    config.evaluation = {"events": 500 if arg == "smoke" else 10_000, "draws": 8 if arg == "smoke" else 300}
    return config
