"""A Bayesian INN on densities of the plane: what does the spread of its networks look like? Thesis section 3.3.

    python -m jaxunfold.simulate --config configs/data/ramp.py:quadratic --events 300000 --seed 0 --out quadratic.h5
    python -m jaxunfold.train --config configs/bayesian_ramp.py --data quadratic.h5

Affine couplings as in the thesis, 12 blocks instead of 20 and 18,000 updates instead of 176,000; ":paper" has Table
3.1's sizes, ":smoke" takes seconds. The experiment "ramp" evaluates density and sigma_pred along lines across the
ramp, fits what a fit of its parameters would leave, and marginalises: its page is DIR/report/ramp/index.html.

A minute and a half of training on one CPU core. Expect sigma_pred(x = 0.5) = 0.03 to 0.04 for the quadratic ramp.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent
ARGUMENTS = ("", "paper", "smoke")


def get_config(arg: str = "") -> ConfigDict:
    """The config; see the top of the file for its argument."""
    if arg not in ARGUMENTS:
        raise ValueError(f"expected one of {ARGUMENTS}, found {arg!r}")
    config = configs.load(HERE / "table.py")
    del config.tune  # its ranges are those of another model
    config.method, config.experiment = "bayesian", "ramp"
    config.preprocess.scaling = "standard"  # quantiles would solve the problem before the flow sees it
    config.data.update({"valid": 2000, "test": 10_000})
    flow = {"layer": "affine", "blocks": 12, "hidden": 32, "layers": 3}
    config.model = {
        "base": "cinn",
        "base_model": {"flow": flow, "condition": {}, "activation": "silu", "ema": 0.998},
        "prior_width": 1.0,
        "start_width": 0.01,
        "samples": 1,
        "local": False,
        "temperature": 1.0,
        "members": 30,
    }
    config.optimizer = {
        "kind": "adam",
        "learning_rate": 2e-3,
        "schedule": "cosine",
        "warmup": 0.02,
        "clip_norm": 5.0,
        "weight_decay": 0.0,
    }
    config.training.epochs = 32
    config.evaluation = {"events": 10_000, "draws": 30}
    if arg == "paper":
        config.model.base_model.flow.update({"blocks": 20})
        config.model.base_model.update({"activation": "relu"})
        config.optimizer.update({"learning_rate": 1e-3, "schedule": "constant", "warmup": 0.0})
        config.training.epochs = 300
    if arg == "smoke":
        config.model.base_model.flow.update({"blocks": 2, "hidden": 8, "layers": 1})
        config.model.members = 4
        config.data.update({"valid": 0.1, "test": 0.2})
        config.training.epochs = 1
        config.evaluation.update({"events": 500, "draws": 8})
    return config
