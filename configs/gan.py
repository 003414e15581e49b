"""The naive GAN of the papers on the embedded sample: a baseline with known faults.

    python -m jaxunfold.train --config configs/gan.py
    python -m jaxunfold.train --config configs/gan.py:momenta

The measured event in, a true one out, no noise and no pairs: truth of one half of a batch is compared with what the
generator makes of the other half. Coordinates along the decay tree, absolute, since the method may not know which
truth belongs to which measured event; ":momenta" takes the papers' momentum components and the MMD term on m_jj, with
the variants of ``fcgan.py``; ":smoke" shrinks it to a minute.

Two CPU minutes of training. Expect, from three seeds: bulk of the quarks' spectra within 18 to 34 per cent, worst
calibration 0.5 as an event has one image, and unfolded events that do not follow cuts on the measured ones at all.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs


def get_config(arg: str = "") -> ConfigDict:
    """The config; words after the colon as in ``fcgan.py``."""
    path = Path(__file__).parent / "fcgan.py"
    config = configs.load(f"{path}:{arg}" if arg else path)
    config.method = "gan"
    del config.model["condition"], config.model["noise"]
    config.preprocess = {
        "coordinates": config.preprocess.coordinates.to_dict(),
        "features": {"kind": "four_momenta"},
        "relative": (),
        "scaling": config.preprocess.scaling,
    }
    config.training.batch_size = 1024
    config.training.eval_batch_size = 1000
    config.training.epochs = 1 if "smoke" in arg.split(",") else 40
    return config
