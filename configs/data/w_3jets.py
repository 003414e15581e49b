"""pp -> W+ j at 13 TeV with a parton shower, three jets of pT > 25 GeV: thesis section 4.5.

    python -m jaxunfold.simulate --config configs/data/w_3jets.py --events 100000 --seed 1 --out w_3jets.h5

Truth is the hard process (W+, q1), reco the W and the three hardest anti-kT jets after the shower; no detector,
so that each jet's transverse momentum leaves a sharp hole in its px-py plane. ":jets" makes the W and the jets truth,
with nothing measured, for configs/generate_w_3jets.py. Some 90 events a CPU second: a collision is given up as soon
as the shower has come down to 4 GeV with less than three jets of 15 GeV, which loses 1 in 500 of those looked for.
"""

from ml_collections import ConfigDict


def get_config(arg: str = "") -> ConfigDict:
    """The config."""
    if arg not in ("", "jets"):
        raise ValueError(f"expected nothing or 'jets', found {arg!r}")
    return ConfigDict(
        {
            "chain": "w_jets",
            "name": "w_3jets",
            "sqrt_s_gev": 13000.0,
            "pythia": (
                "WeakBosonAndParton:qqbar2Wg = on",
                "WeakBosonAndParton:qg2Wq = on",
                "PhaseSpace:pTHatMin = 20.",
                "24:mayDecay = off",
                "PartonLevel:MPI = off",
                "HadronLevel:all = off",
            ),
            "radius": 0.4,
            "jet_pt_min_gev": 25.0,
            "jet_eta_max": 4.5,
            "num_jets": 3,
            "veto_scale_gev": 4.0,
            "veto_pt_gev": 15.0,
            "level": arg or "hard",
            "batch": 1000,
        }
    )
