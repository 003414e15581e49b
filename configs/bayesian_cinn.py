"""The cINN of configs/cinn.py with a Gaussian posterior over its weights: the training's uncertainty as a covariance.

    python -m jaxunfold.train --config configs/bayesian_cinn.py
    python -m jaxunfold.unfold --workdir runs/bayesian_cinn --data FILE --out FILE

Thirty networks drawn from the posterior unfold, each its share of the draws; ``member`` says which. metrics.json has
the covariance of their spectra between the bins of every observable (part "network"), and ``unfold`` writes sigma / p
beside every draw. Mirror images of an event are not counted as evidence of their own. ":ensemble" trains five
networks instead, ":bootstrap" five on bootstraps of the training events, without mirror images; ":smoke" shrinks it.

Half the hidden units, a prior width of 0.1 and 40 epochs instead of 16: a posterior over more weights with a wider
prior stays close to it, and its mean network is a poor one.

Eight CPU minutes of training, twenty with an argument. Expect, over three seeds, on 20,000 events: pulls of bins of
width 0.90 to 0.95, joint AUC 0.56 to 0.58, worst calibration 0.018 to 0.020. On toys a temperature of 0.1
gives bands that hold what they say, and the 1 of Bayes makes them too wide.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent
ARGUMENTS = ("", "smoke", "ensemble", "bootstrap")


def get_config(arg: str = "") -> ConfigDict:
    """The config; see the top of the file for its argument."""
    if arg not in ARGUMENTS:
        raise ValueError(f"expected one of {ARGUMENTS}, found {arg!r}")
    config = configs.load(str(HERE / "cinn.py") + (":smoke" if arg == "smoke" else ""))
    del config.tune  # its ranges are those of another model
    model = {"base": "cinn", "base_model": config.model.to_dict()}
    if arg in ("ensemble", "bootstrap"):
        config.method = "ensemble"
        config.model = model | {"members": 5, "bootstrap": arg == "bootstrap", "same_start": False}
        config.data.augment = () if arg == "bootstrap" else config.data.augment
        return config
    config.method = "bayesian"
    config.model = model | {
        "prior_width": 0.1,
        "start_width": 0.01,
        "samples": 1,
        "local": False,
        "temperature": 0.1,
        "members": 30,
    }
    if arg != "smoke":
        config.model.base_model.flow.hidden = 64
        config.training.epochs = 40
    # the prior stands for weight decay
    config.optimizer.update({"kind": "adam", "weight_decay": 0.0})
    return config
