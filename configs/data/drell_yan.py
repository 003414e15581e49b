"""pp -> Z/gamma* -> e- e+ at 13 TeV, the hard process alone: thesis section 3.4.

    python -m jaxunfold.simulate --config configs/data/drell_yan.py --events 1000000 --seed 1 --out drell_yan.h5

Nothing is measured: the file has truth alone. Transverse momentum adds up to zero: four numbers make an event. The
pair's mass is above 50 GeV; with configs/data/drell_yan.py:30 above 30 GeV, and a fifth is the photon's alone.
"""

from ml_collections import ConfigDict


def get_config(arg: str = "50") -> ConfigDict:
    """The config; its argument is the lowest mass in GeV."""
    if not arg.isdigit():
        raise ValueError(f"expected a mass in whole GeV, found {arg!r}")
    return ConfigDict(
        {
            "chain": "hard_process",
            "name": "drell_yan",
            "sqrt_s_gev": 13000.0,
            "pythia": (
                "WeakSingleBoson:ffbar2gmZ = on",
                f"PhaseSpace:mHatMin = {arg}",
                "23:onMode = off",
                "23:onIfAny = 11",
            ),
            "truth": ("e-", "e+"),
            "decays": {"Z": ("e-", "e+")},
            "pdg": {"Z": 23, "e-": 11, "e+": -11},
            "massless": ("Z",),
        }
    )
