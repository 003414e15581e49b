"""The conditional INN for events with jet radiation: two to four jets and more, one network for all of them.

    python -m jaxunfold.simulate --config configs/data/zw_jets.py --events 220000 --seed 5 --out zw_jets.h5
    python -m jaxunfold.train --config configs/cinn_jets.py --data zw_jets.h5

The hard process balances exactly; what is measured recoils against radiation, and a jet may be radiation. Coordinates
along the decay tree are taken relative to the measured leptons and to the two jets whose mass is closest to the W's.
The measured event is read by attention over leptons and jets, whatever their number and order. Quarks are ordered by
pT, so that cos of the W's decay is positive, an edge that an absolute coordinate keeps.

":2", ":3" and ":4" train on events with exactly two, exactly three, and four or more jets; ":smoke" shrinks it to a
minute, ":3,smoke" both. 155,000 training events, mirrored in y and z, and 60,000 test events, 20,000 of them in the
report.

Some eight minutes of CPU time to train, more on a shared core. Expect, of two seeds on 20,000 test events: joint
classifier AUC 0.652, marginal 0.518, worst calibration of all events 0.024; W peak within 0.06 GeV for each number of
jets (benchmarks/quality.md has the table).
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

JETS = ("j1", "j2", "j3", "j4")
EXCLUSIVE = {"2": (2, 2), "3": (3, 3), "4": (4, None)}


def get_config(arg: str = "") -> ConfigDict:
    """The config; words after the colon choose a number of jets or "smoke"."""
    words = [word for word in arg.split(",") if word]
    if unknown := [word for word in words if word not in (*EXCLUSIVE, "smoke")]:
        raise ValueError(f"expected words among {', '.join(EXCLUSIVE)} and smoke, found {unknown[0]!r}")
    config = configs.load(Path(__file__).parent / "cinn.py")
    closest = {"among": JETS, "mass": 80.4}
    config.data.path = ""
    config.data.valid = 5000
    config.data.test = 60000
    cuts = [EXCLUSIVE[word] for word in words if word in EXCLUSIVE]
    config.data.select = {"n_jets": cuts[0]} if cuts else {}
    config.preprocess.coordinates.closest = {"jj": closest}
    config.preprocess.features = {
        "kind": "kinematics",
        "axis": ("e-", "e+"),
        "pairs": {"ll": ("e-", "e+")},
        "closest": {"jj": closest},
        "sums": {"jets": JETS, "all": ("e-", "e+", *JETS)},
        "slots": False,
    }
    config.preprocess.reference = "measured"
    config.preprocess.relative = ("log_pt_ratio_ll", "eta_e-", "eta_e+", "phi_e-", "phi_e+", "y_jj", "psi_jj")
    config.model.condition = {"kind": "attention", "layers": 2, "units": 32, "heads": 4, "output": 64}
    config.optimizer.weight_decay = 0.2
    config.training.epochs = 6
    config.evaluation = {"events": 20000, "draws": 40, "groups": {"n_jets": (2, 3, 4)}}
    if "smoke" in words:
        config.model.flow.update({"blocks": 2, "hidden": 16})
        config.model.condition.update({"layers": 1, "units": 16, "heads": 2})
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 10})
    return config
