"""pp -> Z W -> (e- e+)(j j) at 13 TeV with initial-state radiation, two to four jets.

The sample of arXiv:2006.06685, section 4: jets by falling pT, zero-padded to four, with the number of jets.
``configs/data/zw_jets.py:mpi`` adds multi-parton interactions, some ten times slower.

    python -m jaxunfold.simulate --config configs/data/zw_jets.py --events 100000 --seed 1 --out zw_jets.h5

Expected: 70, 23 and 7 per cent of the events have two, three and four or more jets (68, 24, 8 there).
"""

from ml_collections import ConfigDict

from jaxunfold.simulation import cards


def get_config(arg: str = "") -> ConfigDict:
    """The config; ``arg`` is "" or "mpi"."""
    if arg not in ("", "mpi"):
        raise ValueError(f"expected zw_jets.py or zw_jets.py:mpi, found {arg!r}")
    return ConfigDict(
        {
            "name": "zw_jets",
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
                "PartonLevel:ISR = on",
                "PartonLevel:MPI = " + ("on" if arg == "mpi" else "off"),
            ),
            "truth": ("e-", "e+", "q1", "q2"),
            "resonances": {"ll": ("e-", "e+"), "jj": ("q1", "q2")},
            # the recoil against radiation brings hard processes into the acceptance from anywhere: no veto
            "veto": None,
            "selection": {
                "jet_pt_min_gev": 25.0,
                "jet_eta_max": 2.5,
                "min_jets": 2,
                "max_jets": None,
                "slots": 4,
                "match": "pt",
            },
            "extra": ("n_jets", "met_px", "met_py"),
            "detector": cards.to_dict(cards.ATLAS_333),
            "chunk": 20000,
            "batch": 500,
        }
    )
