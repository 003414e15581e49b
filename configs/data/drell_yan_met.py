"""pp -> Z -> e- e+ with jets at 13 TeV, missing transverse momentum and pile-up: arXiv:2008.08558, section 4.1.

    python -m jaxunfold.simulate --config configs/data/drell_yan_met.py --events 10000 --seed 1 --out drell_yan_met.h5

A table for Figs. 7 and 8: both leptons, numbers of jets and of pile-up collisions (20 on average; to each a uniform
number below one is added, so that it has a density) and the missing momentum, which comes from the detector and from
them.
"""

from ml_collections import ConfigDict

from jaxunfold.simulation import cards


def get_config(arg: str = "") -> ConfigDict:
    """The config; it takes no argument."""
    if arg:
        raise ValueError(f"drell_yan_met takes no argument, found {arg!r}")
    return ConfigDict(
        {
            "chain": "drell_yan_met",
            "name": "drell_yan_met",
            "sqrt_s_gev": 13000.0,
            "pythia": (
                "WeakSingleBoson:ffbar2gmZ = on",
                "PhaseSpace:mHatMin = 50.",
                "23:onMode = off",
                "23:onIfAny = 11",
                "PartonLevel:MPI = off",
            ),
            "pileup": 20.0,
            "pileup_pythia": ("SoftQCD:inelastic = on",),
            "pool": 1000,
            "electron_pt_min_gev": 20.0,
            "jet_pt_min_gev": 25.0,
            "eta_max": 2.5,
            "detector": cards.to_dict(cards.ATLAS_333),
            "batch": 500,
        }
    )
