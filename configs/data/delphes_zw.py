"""Delphes ROOT files of pp -> Z W -> (e- e+)(q q') to an event file: truth from the decay tree, reco from branches.

    python -m jaxunfold.convert delphes.root --config configs/data/delphes_zw.py --out events.h5

Truth is what Z and W decay to, before radiation, massless as the coordinates of configs/cinn.py take it; reco is one
electron of each charge and exactly two jets, as in arXiv:1912.00477 section 2.2. The quarks are ordered as the jets
they lie closest to. Any other final state is another pattern and other objects; further keys of a collection are
columns for cuts. ":status" takes truth by status codes, ":data" is for measured events, which have none.
"""

from ml_collections import ConfigDict

QUARKS = (1, 2, 3, 4, -1, -2, -3, -4)


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":status" finds truth by PDG id and status 23 of Pythia instead of by the decays."""
    if arg not in ("", "status", "data"):
        raise ValueError(f"expected nothing, 'status' or 'data', found {arg!r}")
    tree = {
        "ll": {"pid": 23, "to": {"e-": 11, "e+": -11}},
        "jj": {"pid": (24, -24), "to": {"q1": QUARKS, "q2": QUARKS}},
    }
    if arg == "status":
        quark = {"pid": QUARKS, "status": 23}
        tree = {"e-": {"pid": 11, "status": 23}, "e+": {"pid": -11, "status": 23}, "q1": quark, "q2": quark}
    lepton = {"of": "Electron", "number": (1, 1)}
    config = ConfigDict(
        {
            "name": "zw_2jet",
            "sqrt_s_gev": 13000.0,
            "generator": "Delphes",
            # reader: by the end of the name; tree: the only one, Delphes or Events; unit: of momenta in the file
            "source": {"reader": "", "tree": "", "unit": "GeV"},
            "weight": "Event.Weight",
            "keep": "accepted",  # or "all": also events that pass at one level only, with pass_truth and pass_reco
            "truth": {
                "particles": {
                    "pid": "Particle.PID",
                    "status": "Particle.Status",
                    "mother": "Particle.M1",
                    "pt": "Particle.PT",
                    "eta": "Particle.Eta",
                    "phi": "Particle.Phi",
                    "mass": "Particle.Mass",
                },
                "tree": tree,
                "order": ("e-", "e+", "q1", "q2"),
                "missing": "refuse",  # or "allow": events without the pattern do not pass, and are counted
                "massless": {"ll": ("e-", "e+"), "jj": ("q1", "q2")},
            },
            "reco": {
                "collections": {
                    "Electron": {
                        "pt": "Electron.PT",
                        "eta": "Electron.Eta",
                        "phi": "Electron.Phi",
                        "mass": 0.000511,
                        "charge": "Electron.Charge",
                    },
                    "Jet": {"pt": "Jet.PT", "eta": "Jet.Eta", "phi": "Jet.Phi", "mass": "Jet.Mass"},
                },
                "order": ("e-", "e+", "j"),
                "objects": {
                    "e-": {**lepton, "cuts": {"pt": (10.0, None), "charge": (-1, -1)}},
                    "e+": {**lepton, "cuts": {"pt": (10.0, None), "charge": (1, 1)}},
                    "j": {
                        "of": "Jet",
                        "cuts": {"pt": (25.0, None), "abs_eta": (None, 2.5)},
                        "away_from": {"e-": 0.4, "e+": 0.4},
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
            "detector": None,
        }
    )
    if arg == "data":
        with config.ignore_type():
            config.truth, config.match = None, None
    return config
