"""The conditional INN of ``cinn.py`` with affine instead of spline couplings: 24 all-in-one blocks, as in the paper.

    python -m jaxunfold.train --config configs/cinn_affine.py

An affine flow has no bound of its own: beyond 5 its tails are logarithmic. Coordinates, condition network, optimiser
and events are those of ``cinn.py``; five CPU minutes of training. Expect, from one seed: joint classifier AUC 0.589,
marginal 0.505, worst calibration 0.027 (m_jj), 68 per cent width of m_jj off by -6.7 per cent.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to a minute."""
    config = configs.load(f"{Path(__file__).parent / 'cinn.py'}:{arg}" if arg else Path(__file__).parent / "cinn.py")
    del config.tune  # its ranges are those of another model
    config.model.flow = {"layer": "affine", "blocks": 24, "clamp": 2.0, "hidden": 128, "layers": 2, "tails": 5.0}
    if arg:
        config.model.flow.update({"blocks": 4, "hidden": 32})
    return config
