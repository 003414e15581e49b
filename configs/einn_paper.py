"""The noise-extended eINN of the paper: thesis Table 2.2, column 'eINN'.

    python -m jaxunfold.simulate --config configs/data/zw_2jet.py --events 400000 --seed 2 --out zw_2jet_400k.h5
    python -m jaxunfold.train --config configs/einn_paper.py --data zw_2jet_400k.h5

24 blocks, 1000 epochs of batches of 512; the table's 270,000 weights (266,880). What it leaves open: the weight of
the 'weak' squared error, 1 for its mean over components beside 0.2 for sums of MMD; kernel widths of components, here
its 2, 8, 25, 67 GeV over a spread of 60 GeV; a constant learning rate, standardised inputs, a soft clamp at 2. Not
run: weeks on two CPU cores; ``einn.py`` is what was measured.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs


def get_config(arg: str = "") -> ConfigDict:
    """The config of ``inn_paper.py`` with the noise and the losses of the eINN; ":smoke" shrinks it to a minute."""
    path = Path(__file__).parent / "inn_paper.py"
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
    return config
