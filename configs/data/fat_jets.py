"""Large jets of 500 to 600 GeV at 13 TeV and their declusterings, of particles and after the detector.

    python -m jaxunfold.simulate --config configs/data/fat_jets.py --events 30000 --seed 1 --out qcd_jets.h5
    python -m jaxunfold.simulate --config configs/data/fat_jets.py:w --events 30000 --seed 2 --out w_jets.h5

The jets of arXiv:1909.01359 and of arXiv:2008.08558, sections 3.3 and 5.1: of quarks and gluons, and with ":w" of W
bosons from pp -> W W; anti-kT with R = 1.0, the two leading ones of a collision. Both levels of a jet are one row,
and ``--events`` counts jets. There are no multi-parton interactions, and the measured jet is not corrected for what
is lost.
"""

from ml_collections import ConfigDict

from jaxunfold.simulation import cards

PROCESSES = {
    "": ("qcd_jets", ("HardQCD:all = on",)),
    "w": ("w_jets", ("WeakDoubleBoson:ffbar2WW = on", "24:onMode = off", "24:onIfAny = 1 2 3 4")),
}


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":w" makes jets of W bosons."""
    if arg not in PROCESSES:
        raise ValueError(f"expected nothing or 'w', found {arg!r}")
    name, lines = PROCESSES[arg]
    return ConfigDict(
        {
            "chain": "fat_jets",
            "name": name,
            "sqrt_s_gev": 13000.0,
            # jets of the window come from partons somewhat below it to somewhat above
            "pythia": (*lines, "PhaseSpace:pTHatMin = 450.", "PhaseSpace:pTHatMax = 750.", "PartonLevel:MPI = off"),
            "radius": 1.0,
            "pt_min_gev": 500.0,
            "pt_max_gev": 600.0,
            "eta_max": 2.0,
            "leading": 2,
            "match_dr": 0.5,
            "most": 40,
            "detector": cards.to_dict(cards.ATLAS_333),
            "batch": 200,
        }
    )
