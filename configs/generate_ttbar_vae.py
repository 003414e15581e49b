"""Top pairs from autoencoders: the VAE and its relatives of the review arXiv:2008.08558, section 2.2, Eqs. (4), (5).

    python -m jaxunfold.train --config configs/generate_ttbar_vae.py               # VAE
    python -m jaxunfold.train --config configs/generate_ttbar_vae.py:buffer        # B-VAE, density information buffer
    python -m jaxunfold.train --config configs/generate_ttbar_vae.py:adversarial   # adversarial autoencoder
    python -m jaxunfold.train --config configs/generate_ttbar_vae.py:gan           # VAE-GAN

Events and coordinates are those of configs/generate_ttbar.py; 20 latents. Two to six minutes of training each on a
core shared with others. Expect, from three seeds, classifier AUCs of 0.53, 0.51, 0.81 and 0.60 with held-out truth.
The B-VAE's events are its training's with a little noise (benchmarks/generation.md).
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

NET = {"hidden": 128, "layers": 3}
CRITIC = {"critic": {"hidden": 128, "layers": 3}, "loss": "jensen_shannon", "critic_rate": 1.0}
VARIANTS = {
    "": ("vae", {"beta": 0.1, "buffer": 0, "buffer_width": 1.0}),
    "buffer": ("vae", {"beta": 0.005, "buffer": 40_960, "buffer_width": 1.0}),
    "adversarial": ("aae", {**CRITIC, "penalty": {"kind": "wrong_side", "weight": 0.1}, "weight": 1.0}),
    "gan": ("vae_gan", {**CRITIC, "penalty": {"kind": "wrong_side", "weight": 0.1}, "weight": 1.0, "beta": 0.1}),
}


def get_config(arg: str = "") -> ConfigDict:
    """The config; see the top of the file for its argument, ":smoke" shrinks the first."""
    if arg not in (*VARIANTS, "smoke"):
        raise ValueError(f"expected nothing or one of {', '.join(filter(None, VARIANTS))}, smoke, found {arg!r}")
    config = configs.load(Path(__file__).parent / "generate_ttbar.py")
    config.method, own = VARIANTS["" if arg == "smoke" else arg]
    config.model = {"encoder": NET, "decoder": NET, "latent": 20, "activation": "silu", "ema": 0.999, **own}
    config.optimizer = {
        "kind": "adam",
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "end_factor": 0.02,
        "clip_norm": 10.0,
    }
    config.training.epochs = 12
    if arg == "smoke":
        config.training.epochs = 1
        config.evaluation.update({"events": 1000, "draws": 5})
    return config
