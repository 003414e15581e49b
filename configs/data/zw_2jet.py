"""pp -> Z W -> (e- e+)(j j) at 13 TeV without initial-state radiation, exactly two jets.

The sample of arXiv:1912.00477 (section 2.2) and, without ISR, of arXiv:2006.06685. The embedded sample is

    python -m jaxunfold.simulate --config configs/data/zw_2jet.py --events 60000 --seed 1 --out zw_2jet.h5

Expected: 88, 38, 15, 37 per cent of the events pass cuts I to IV of the first paper (88, 38, 14, 39 there).
"""

from ml_collections import ConfigDict

from jaxunfold.simulation import cards


def get_config(arg: str = "") -> ConfigDict:
    """The config; it takes no argument."""
    if arg:
        raise ValueError(f"zw_2jet takes no argument, found {arg!r}")
    return ConfigDict(
        {
            "name": "zw_2jet",
            "sqrt_s_gev": 13000.0,
            "pythia": (
                "WeakDoubleBoson:ffbar2ZW = on",
                "WeakZ0:gmZmode = 2",  # no photon admixture
                "23:onMode = off",
                "23:onIfAny = 11",
                "24:onMode = off",
                "24:onIfAny = 1 2 3 4",
                # 15 widths around the poles, MadGraph's default
                "23:mMin = 53.8",
                "23:mMax = 128.6",
                "24:mMin = 49.1",
                "24:mMax = 111.7",
                "PartonLevel:ISR = off",
                "PartonLevel:MPI = off",
            ),
            "truth": ("e-", "e+", "q1", "q2"),
            "resonances": {"ll": ("e-", "e+"), "jj": ("q1", "q2")},
            # outside the acceptance with a margin: less than one accepted event in a thousand is lost, see docs
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
