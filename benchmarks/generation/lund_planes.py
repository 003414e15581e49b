"""What the benchmarks of Lund-plane images share: reading, observables, distances, a classifier's test."""

import jax
import numpy as np
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from jaxunfold.data import declusterings
from jaxunfold.physics import lund
from jaxunfold.training.classifier import train_log_ratio

PLANE, PT = lund.Plane(), 540.0
"""PT: what an image's jet is taken to have, in GeV; those of the sample have 500 to 600."""
NAMES = {
    "activated": "activated pixels",
    "multiplicity": "soft-drop multiplicity",
    "mass": "tagged mass [GeV]",
}
EDGES = {
    "activated": np.arange(-0.5, 26),
    "multiplicity": np.arange(-0.5, 11),
    "mass": np.linspace(0, 200, 41),
}
CLASSIFIER = {"hidden": (128, 64), "learning_rate": 1e-3, "epochs": 8, "batch_size": 128}


def read(path):
    """{"truth", "reco": images as rows [n, pixels] of 0 and 1, float32}."""
    truth, reco, _ = declusterings.read(path)
    levels = {"truth": truth, "reco": reco}
    return {name: as_rows(lund.images(jets.delta, jets.kt, PLANE)) for name, jets in levels.items()}


def as_rows(images):
    return images.reshape(len(images), -1).astype(np.float32)


def observables(rows):
    """Of images [n, pixels]."""
    images = np.asarray(rows).reshape(-1, PLANE.bins, PLANE.bins) > 0.5
    delta, kt = lund.emissions(images, PLANE)
    pt = np.full(len(images), PT)
    return {
        "activated": images.sum((1, 2)),
        "multiplicity": lund.soft_drop_multiplicity(delta, kt, pt),
        "mass": lund.tagged_mass(delta, kt, pt),
    }


def ks(first, second):
    """KS distance of every observable of two samples of images."""
    a, b = observables(first), observables(second)
    return {name: float(ks_2samp(a[name], b[name]).statistic) for name in NAMES}


def auc(key, first, second, parts=0.6):
    """How well a classifier trained on a part of both samples tells the others apart, standardised pixels in."""
    mean = first.mean(0)
    unit = np.sqrt(np.mean(mean * (1 - mean)))
    rows = np.concatenate([first, second])
    label = np.repeat([1.0, 0.0], [len(first), len(second)])
    order = np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(len(rows))
    x, label = ((rows - mean) / unit).astype(np.float32)[order], label[order]
    cut = int(parts * len(x))
    log_ratio = train_log_ratio(key, x[:cut], label[:cut], 1 - label[:cut], **CLASSIFIER)
    return float(roc_auc_score(label[cut:], np.asarray(log_ratio(x[cut:]))))


def stairs(axes, name, rows, label, colour, **style):
    """One observable of images as a normalised histogram."""
    values, edges = observables(rows)[name], EDGES[name]
    density = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / len(values) / np.diff(edges)
    axes.stairs(density, edges, label=label, color=colour, lw=1.3, baseline=None, **style)


def plane_image(axes, rows, title):
    """The mean of images."""
    mean = np.asarray(rows).mean(0).reshape(PLANE.bins, PLANE.bins).T
    shown = axes.imshow(
        mean, origin="lower", extent=(*PLANE.angle, *PLANE.kt), aspect="auto", cmap="viridis", vmin=0, vmax=0.2
    )
    axes.set(title=title, xlabel="ln 1/$\\Delta$", ylabel="ln $k_T$ / GeV")
    return shown
