"""pp -> t tbar -> (b q q')(bbar q q') at 13 TeV, the hard process alone: arXiv:1907.03764, section 3.

    python -m jaxunfold.simulate --config configs/data/ttbar.py --events 60000 --seed 1 --out ttbar.h5

is the embedded sample, ten seconds on one core. Nothing is measured: the file has truth alone. The light quarks are
massless, the b quarks have Pythia's 4.8 GeV; transverse momenta add up to zero.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The config."""
    return ConfigDict(
        {
            "chain": "hard_process",
            "name": "ttbar",
            "sqrt_s_gev": 13000.0,
            "pythia": (
                "Top:gg2ttbar = on",
                "Top:qqbar2ttbar = on",
                "6:onMode = off",
                "6:onIfMatch = 24 5",
                "24:onMode = off",
                "24:onIfAny = 1 2 3 4",
            ),
            "truth": ("b", "q1", "q2", "bbar", "q3", "q4"),
            "decays": {
                "t": ("b", "W+"),
                "W+": ("q1", "q2"),
                "tbar": ("bbar", "W-"),
                "W-": ("q3", "q4"),
            },
            "pdg": {"t": 6, "W+": 24, "b": 5, "tbar": -6, "W-": -24, "bbar": -5},
            "massless": ("W+", "W-"),
        }
    )
