"""pp -> jets at 13 TeV with H_T > 500 GeV, the two leading ones: arXiv:2008.08558, section 4.2, Figs. 10 and 11.

    python -m jaxunfold.simulate --config configs/data/multi_jets.py --events 8000 --seed 1 --out multi_jets.h5
    python -m jaxunfold.simulate --config configs/data/multi_jets.py:tail --events 5000 --seed 2 --out tail.h5
    python -m jaxunfold.simulate --config configs/data/multi_jets.py:reference --events 4000 --seed 3 --out
    reference.h5

A table of pT, eta and mass of two jets and of their azimuth from back to back; anti-kT, R = 1.0. Jets are of the
detector's energy flow; with ":tail" of partons after the shower, with m_jj > 1500 GeV and pseudorapidities at most
1.3 apart as in searches for resonances. ":reference" is the same with many events at large pT, whose weights make up
for it.
There are no multi-parton interactions.
"""

from ml_collections import ConfigDict

from jaxunfold.simulation import cards

# m_jj > 1500 GeV at such an angle asks for pT of some 600 GeV
PARTONS = ("HadronLevel:all = off", "PhaseSpace:pTHatMin = 550.")
BIASED = (
    "PhaseSpace:bias2Selection = on",
    "PhaseSpace:bias2SelectionPow = 5.",
    "PhaseSpace:bias2SelectionRef = 550.",
)
LINES = {"": ("PhaseSpace:pTHatMin = 180.",), "tail": PARTONS, "reference": (*PARTONS, *BIASED)}


def get_config(arg: str = "") -> ConfigDict:
    """The config; see the top of the file for its argument."""
    if arg not in LINES:
        raise ValueError(f"expected nothing, 'tail' or 'reference', found {arg!r}")
    return ConfigDict(
        {
            "chain": "multi_jets",
            "name": f"multi_jets_{arg}" if arg else "multi_jets",
            "sqrt_s_gev": 13000.0,
            "pythia": ("HardQCD:all = on", "PartonLevel:MPI = off", *LINES[arg]),
            "radius": 1.0,
            "jet_pt_min_gev": 50.0,
            "jet_eta_max": 2.5,
            "ht_min_gev": 500.0,
            "mass_min_gev": 1500.0 if arg else 0.0,
            "deta_max": 1.3 if arg else 10.0,
            "detector": None if arg else cards.to_dict(cards.ATLAS_333),
            "batch": 1000,
        }
    )
