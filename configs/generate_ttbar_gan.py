"""Top pairs from a GAN with MMD terms on both W and both top masses: arXiv:1907.03764, section 3, Table 1, Fig. 7.

    python -m jaxunfold.train --config configs/generate_ttbar_gan.py             # along the decay tree
    python -m jaxunfold.train --config configs/generate_ttbar_gan.py:momenta     # as in the paper

Noise in, the 16 coordinates of configs/generate_ttbar.py out, or the three-momenta of six partons on their given mass
shells (18 coordinates); then nothing tells the network of resonances or of momentum conservation but the critic and
the masses' MMD, Breit-Wigner kernels of about the decay widths and wider ones (Eq. (16)).

Four to five CPU minutes of training; the paper's took 26 hours. Expect, from three seeds, along the tree: masses
within 0.02 GeV, widths within 5 per cent, a classifier's AUC of 0.51 to 0.52. In momenta: KS distances of the spectra
of single particles of 0.05 to 0.08, but no narrow peaks: the W's width is 17 times the truth's
(benchmarks/generation.md).
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs


def get_config(arg: str = "") -> ConfigDict:
    """The config; see the top of the file for ":momenta", ":smoke" shrinks the first to a minute."""
    if arg not in ("", "momenta", "smoke"):
        raise ValueError(f"expected nothing, 'momenta' or 'smoke', found {arg!r}")
    config = configs.load(Path(__file__).parent / "generate_ttbar.py")
    config.method = "gan"
    if arg == "momenta":
        masses = config.preprocess.coordinates.masses.to_dict()
        config.preprocess.coordinates = {"kind": "momenta", "masses": masses}
        config.preprocess.scaling = "standard"
    config.model = {
        "generator": {"hidden": 128, "layers": 5, "residual": True},
        "critic": {"hidden": 128, "layers": 5, "residual": True},
        "noise": 18,
        "loss": "jensen_shannon",
        "penalty": {"kind": "wrong_side", "weight": 0.1},
        "critic_updates": 1,
        "critic_rate": 1.0,
        "clip_weights": 0.0,
        "mmd": {
            "kind": "fixed",
            "weight": 1.0,
            "observables": ("m_W+", "m_W-", "m_t", "m_tbar"),
            "widths": (2.0, 8.0, 30.0),
            "kernel": "breit_wigner",
        },
        "activation": "leaky_relu",
        "tails": 6.0,
        "ema": 0.999,
    }
    config.optimizer = {
        "kind": "adam",
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "warmup": 0.02,
        "end_factor": 0.05,
        "b1": 0.5,
        "b2": 0.99,
        "clip_norm": 100.0,
    }
    config.training.update({"batch_size": 1024, "epochs": 30 if arg == "momenta" else 20})
    config.training.eval_batch_size = 1000
    if arg == "smoke":
        config.model.generator.update({"hidden": 32, "layers": 2})
        config.model.critic.update({"hidden": 32, "layers": 2})
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 5})
    return config
