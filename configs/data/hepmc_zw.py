"""HepMC files of pp -> Z W -> (e- e+)(q q') through the fast detector to an event file, truth from the record or LHE.

    python -m jaxunfold.convert events.hepmc.gz --config configs/data/hepmc_zw.py --out events.h5
    python -m jaxunfold.convert events.hepmc.gz --truth events.lhe.gz --config configs/data/hepmc_zw.py:lhe --out ...

The detector (the ATLAS card of arXiv:1307.6346, docs/simulation.md) turns stable particles into electrons, jets and
missing momentum, under the names that Delphes gives them; it needs jaxunfold[sim]. With ":lhe" truth is the final
state of the Les Houches events, one for each HepMC event.
"""

from ml_collections import ConfigDict

from jaxunfold.simulation import cards

QUARKS = (1, 2, 3, 4, -1, -2, -3, -4)


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":lhe" takes truth by status 1 of Les Houches events."""
    if arg not in ("", "lhe"):
        raise ValueError(f"expected nothing or 'lhe', found {arg!r}")
    status = 1 if arg else 23
    quark = {"pid": QUARKS, "status": status}
    lepton = {"of": "Electron", "number": (1, 1)}
    return ConfigDict(
        {
            "name": "zw_2jet",
            "sqrt_s_gev": 13000.0,
            "generator": f"HepMC; detector: {cards.ATLAS_333.name}",
            "source": {"reader": "", "tree": "", "unit": "GeV"},
            "weight": "Event.Weight",
            "keep": "accepted",
            "truth": {
                "particles": {
                    "pid": "Particle.PID",
                    "status": "Particle.Status",
                    "E": "Particle.E",
                    "px": "Particle.Px",
                    "py": "Particle.Py",
                    "pz": "Particle.Pz",
                },
                "tree": {
                    "e-": {"pid": 11, "status": status},
                    "e+": {"pid": -11, "status": status},
                    "q1": quark,
                    "q2": quark,
                },
                "order": ("e-", "e+", "q1", "q2"),
                "missing": "refuse",
                "massless": {"ll": ("e-", "e+"), "jj": ("q1", "q2")},
            },
            "reco": {
                "collections": {
                    "Electron": {
                        "pt": "Electron.PT",
                        "eta": "Electron.Eta",
                        "phi": "Electron.Phi",
                        "mass": 0.0,
                        "charge": "Electron.Charge",
                    },
                    "Jet": {"pt": "Jet.PT", "eta": "Jet.Eta", "phi": "Jet.Phi", "mass": "Jet.Mass"},
                },
                "order": ("e-", "e+", "j"),
                "objects": {
                    "e-": {**lepton, "cuts": {"charge": (-1, -1)}},
                    "e+": {**lepton, "cuts": {"charge": (1, 1)}},
                    "j": {
                        "of": "Jet",
                        "cuts": {"pt": (25.0, None), "abs_eta": (None, 2.5)},
                        "number": (2, 2),
                        "slots": 2,
                    },
                },
            },
            "match": {"pairs": {"q1": "j1", "q2": "j2"}, "max_delta_r": None},
            "extra": {
                "met_px": ("x", "MissingET.MET", "MissingET.Phi"),
                "met_py": ("y", "MissingET.MET", "MissingET.Phi"),
            },
            "detector": {"card": cards.to_dict(cards.ATLAS_333), "seed": 0},
        }
    )
