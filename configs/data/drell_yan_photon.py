"""pp -> gamma* -> e- e+ at 13 TeV without the Z, the hard process alone: arXiv:2008.08558, Eq. (15), its S.

    python -m jaxunfold.simulate --config configs/data/drell_yan_photon.py --events 400000 --seed 2 --out photon.h5

The phase space of configs/data/drell_yan.py, whose events minus these are those of the Z and its interference; the
file's attribute cross_section_pb says what each sample stands for.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs


def get_config(arg: str = "50") -> ConfigDict:
    """The config; its argument is the lowest mass in GeV."""
    config = configs.load(f"{Path(__file__).parent / 'drell_yan.py'}:{arg}")
    config.name = "drell_yan_photon"
    config.pythia = (*config.pythia, "WeakZ0:gmZmode = 1")
    return config
