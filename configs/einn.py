"""The noise-extended eINN of the papers on the embedded sample: a baseline with known faults.

    python -m jaxunfold.train --config configs/einn.py

One bijection from truth and noise, 12 + 16, to four-momenta of the measured event and noise, 16 + 12 (thesis Eq. 2.24
and Table 2.2). Half of the paper's blocks, half its batch, one-cycle learning rate, 48,000 events.

Nine minutes of training on one CPU core, ten with the evaluation. Expect what the fault is, posteriors that are too
narrow: 33 per cent of the truths in the central 68 per cent of draws of pT_q1, 27 to 64 by observable; joint
classifier AUC 0.996, marginal 0.77, m_jj 2.6 times too wide (one seed, 3,000 test events).
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs


def get_config(arg: str = "") -> ConfigDict:
    """The config of ``inn.py`` with the noise and the losses of the eINN; ":smoke" shrinks it to a minute."""
    path = Path(__file__).parent / "inn.py"
    config = configs.load(f"{path}:{arg}" if arg else path)
    config.method = "einn"
    losses = {
        "truth_noise": 16,
        "reco_noise": 12,
        "mse_weight": 1.0,
        "mmd_weight": 0.2,
        "component_widths": (0.03, 0.13, 0.4, 1.1),
    }
    config.model = config.model.to_dict() | losses
    if not arg:
        config.training.epochs = 24
    return config
