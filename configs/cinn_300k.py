"""The conditional INN of ``cinn.py`` on 300,000 simulated events.

    python -m jaxunfold.simulate --config configs/data/zw_2jet.py --events 400000 --seed 2 --out zw_2jet_400k.h5
    python -m jaxunfold.train --config configs/cinn_300k.py --data zw_2jet_400k.h5

300,000 training events, mirrored in y and z, 20,000 test events for the report; the file keeps 95,000 for
``python -m jaxunfold.evaluate``.

Sixteen minutes of training on one CPU core, four more for encoding and the report. Expect on the test events: joint
classifier AUC 0.536, marginal 0.50, worst calibration 0.017, KS of m_jj 0.005.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to a minute of training."""
    config = configs.load(f"{Path(__file__).parent / 'cinn.py'}:{arg}" if arg else Path(__file__).parent / "cinn.py")
    config.data.path = ""
    config.data.valid = 5000
    config.data.test = 95000
    config.evaluation.events = 20000
    if not arg:
        config.model.flow.blocks = 12
        config.model.ema = 0.999
        config.optimizer.weight_decay = 0.1
        config.training.epochs = 8
    return config
