"""The fully conditional GAN at the size of the paper: Table 1 of arXiv:1912.00477.

    python -m jaxunfold.train --config configs/fcgan_paper.py --data zw_2jet_300k.h5
    python -m jaxunfold.train --config configs/fcgan_paper.py:naive --data zw_2jet_300k.h5

12 layers of 512 units, 3M weights each, 1200 epochs of 500 iterations at a batch of 512, lambda_D = 1e-3 and
lambda_G = 1 with the multi-kernel MMD of appendix B. The paper's epoch is 500 iterations, one here is a pass over
240,000 events in 469, so that 1280 of them are as many updates. Needs a GPU: 600,000 updates are weeks on CPU cores;
it has not been trained yet.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent


def get_config(arg: str = "") -> ConfigDict:
    """The config; "naive" is section 2's network, "smoke" shrinks it to a minute."""
    words = [word for word in arg.split(",") if word]
    if unknown := [word for word in words if word not in ("naive", "smoke")]:
        raise ValueError(f"expected words among naive, smoke, found {unknown[0]!r}")
    config = configs.load(f"{HERE / ('gan.py' if 'naive' in words else 'fcgan.py')}:momenta,multiple")
    for side in ("generator", "critic"):
        config.model[side].update({"hidden": 512, "layers": 12})
    config.model.penalty.weight = 1e-3
    config.data.update({"valid": 10000, "test": 50000, "augment": ()})
    config.training.update({"batch_size": 512, "epochs": 1280})
    if "smoke" in words:
        for side in ("generator", "critic"):
            config.model[side].update({"hidden": 32, "layers": 2})
        config.data.update({"path": "sample:zw_2jet", "valid": 2000, "test": 10000})
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 20})
    return config
