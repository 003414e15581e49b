"""The cINN of the paper for events with jet radiation, to the letter: thesis Table 2.3, column 'cINN ISR incl.'.

    python -m jaxunfold.simulate --config configs/data/zw_jets.py --events 780000 --seed 1 --out zw_jets_780k.h5
    python -m jaxunfold.train --config configs/cinn_jets_paper.py --data zw_jets_780k.h5

Momentum components of two to four jets, zero-padded, and their number: D_d = 25. The condition network is the
encoder of an autoencoder that is trained for 300 epochs first and goes on from there. 'Layers per block' and 'encoder
layers' count linear maps, as in ``cinn_paper.py``. lambda_MMD starts at 0.04 and grows by 1.6 every 100 epochs, which
is read as a factor; 1211 steps are an epoch of 620,000 events. What the table leaves open: the decoder mirrors the
encoder, the learning rates are constant, inputs are standardised, a soft clamp at 2. ":2", ":3", ":4" train on that
number of jets.

Run time: weeks on two CPU cores; it has not been trained.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

EXCLUSIVE = {"2": (2, 2), "3": (3, 3), "4": (4, None)}


def get_config(arg: str = "") -> ConfigDict:
    """The config; words after the colon choose a number of jets (4: or more) or "smoke", a minute."""
    words = [word for word in arg.split(",") if word]
    if unknown := [word for word in words if word not in (*EXCLUSIVE, "smoke")]:
        raise ValueError(f"expected words among {', '.join(EXCLUSIVE)} and smoke, found {unknown[0]!r}")
    config = configs.load(Path(__file__).parent / "cinn_paper.py")
    config.data.path = ""
    config.data.valid = 0.005
    config.data.test = 0.2
    cuts = [EXCLUSIVE[word] for word in words if word in EXCLUSIVE]
    config.data.select = {"n_jets": cuts[0]} if cuts else {}
    config.preprocess.features.use_extra = ("n_jets",)
    config.model.flow.layers = 2
    config.model.condition.layers = 7
    config.model.mmd_weight = 0.04
    config.model.mmd_growth = 1.6
    config.model.mmd_growth_steps = 100 * 1211
    config.model.pretrain = {"epochs": 300, "layers": 7, "units": 1024, "learning_rate": 8e-4}
    config.training.epochs = 900
    config.evaluation = {"events": 20000, "draws": 60, "groups": {"n_jets": (2, 3, 4)}}
    if "smoke" in words:
        config.model.flow.update({"blocks": 4, "hidden": 32})
        config.model.condition.update({"units": 64, "layers": 2})
        config.model.pretrain.update({"epochs": 1, "units": 64, "layers": 2})
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 20})
    return config
