"""pp -> W' -> Z W -> (e- e+)(j j) at 13 TeV, W' of 1300 GeV and width 15 GeV, no initial-state radiation.

The signal of arXiv:1912.00477, section 4.3, measured as zw_2jet is.

    python -m jaxunfold.simulate --config configs/data/wprime.py --events 20000 --seed 1 --out wprime.h5

The W is so fast that its jets merge unless they share its momentum unevenly: few events have exactly two
jets.
"""

from ml_collections import ConfigDict

from jaxunfold.simulation import cards


def get_config(arg: str = "") -> ConfigDict:
    """The config; it takes no argument."""
    if arg:
        raise ValueError(f"wprime takes no argument, found {arg!r}")
    return ConfigDict(
        {
            "name": "wprime",
            "sqrt_s_gev": 13000.0,
            "pythia": (
                "NewGaugeBoson:ffbar2Wprime = on",
                "Wprime:coup2WZ = 1",
                "34:m0 = 1300",
                "34:mWidth = 15",
                "34:doForceWidth = on",
                # 15 widths around the pole, as for Z and W
                "34:mMin = 1075",
                "34:mMax = 1525",
                "34:onMode = off",
                "34:onIfAll = 23 24",
                "23:onMode = off",
                "23:onIfAny = 11",
                "24:onMode = off",
                "24:onIfAny = 1 2 3 4",
                "23:mMin = 53.8",
                "23:mMax = 128.6",
                "24:mMin = 49.1",
                "24:mMax = 111.7",
                "PartonLevel:ISR = off",
                "PartonLevel:MPI = off",
            ),
            "truth": ("e-", "e+", "q1", "q2"),
            "resonances": {"ll": ("e-", "e+"), "jj": ("q1", "q2")},
            "veto": {
                "lepton_eta_max": 3.0,
                "lepton_pt_min_gev": 5.0,
                "parton_eta_max": 4.0,
                "leading_parton_pt_min_gev": 15.0,
            },
            "selection": {
                "jet_pt_min_gev": 25.0,
                "jet_eta_max": 2.5,
                "min_jets": 2,
                "max_jets": 2,
                "slots": 2,
                "match": "angle",
            },
            "extra": (),
            "detector": cards.to_dict(cards.ATLAS_333),
            "chunk": 20000,
            "batch": 500,
        }
    )
