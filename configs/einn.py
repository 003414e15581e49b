"""The noise-extended eINN of the papers on the embedded sample: a baseline with known faults.

    python -m jaxunfold.train --config configs/einn.py

One bijection from truth and noise, 12 + 16, to four-momenta of the measured event and noise, 16 + 12 (thesis Eq. 2.24
and Table 2.2). Half of the paper's blocks, half its batch, one-cycle learning rate, 48,000 events.

Three and a half CPU minutes of training. Expect what the fault is, posteriors that are too narrow: joint classifier
AUC 0.9985, marginal 0.83, worst calibration 0.25, m_jj 3.4 times too wide (one seed). With 24 epochs 33 per cent of
the truths are in the central 68 per cent of draws of pT_q1, 27 to 64 by observable, and m_jj is 2.6 times too wide.
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
        config.training.epochs = 12
    return config
