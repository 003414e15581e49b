"""e+ e- -> Z -> q qbar at 91.2 GeV with a final-state shower and Pythia's weights for other scales of alpha_s.

    python -m jaxunfold.simulate --config configs/data/shower.py --events 300000 --seed 1 --out shower.h5

A table of shape variables of the partons and of one column of weights for each factor on the renormalisation scale:
arXiv:2008.08558, section 3.3, after arXiv:1808.07802. Nothing is hadronised or measured.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The config."""
    return ConfigDict(
        {
            "chain": "shower",
            "name": "ee_to_qq_shower",
            "sqrt_s_gev": 91.2,
            "pythia": (
                "Beams:idA = 11",
                "Beams:idB = -11",
                "PDF:lepton = off",
                "WeakSingleBoson:ffbar2gmZ = on",
                "23:onMode = off",
                "23:onIfAny = 1 2 3 4 5",
            ),
            "factors": (0.5, 0.6, 0.7, 0.85, 1.2, 1.4, 1.7, 2.0),
        }
    )
