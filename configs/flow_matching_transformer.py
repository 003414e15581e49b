"""Flow matching of ``flow_matching.py`` with a small transformer over particles as its velocity.

    python -m jaxunfold.train --config configs/flow_matching_transformer.py

One token for each particle and resonance, which look at each other and at eight tokens made of the condition.

3,800 training events and 2,100 draws (of ten solver steps; six are taken here) a second on one CPU core: about four
minutes of training and three of draws for the report. Expect, from two seeds: joint classifier AUC 0.703, marginal
0.500, worst calibration 0.029; five epochs are few.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to a minute."""
    config = configs.load(f"{HERE / 'flow_matching.py'}:{arg}" if arg else HERE / "flow_matching.py")
    config.model.velocity = ConfigDict(
        {"kind": "transformer", "width": 64, "heads": 4, "layers": 2, "reco_tokens": 8, "frequencies": 6}
    )
    config.model.solver.steps = 6
    config.training.epochs = 5
    if arg == "smoke":
        config.model.velocity.update({"width": 32, "layers": 1})
        config.training.epochs = 1
    return config
