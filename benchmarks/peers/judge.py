"""Tables for libraries that know no events, and how well draws from what was trained on them unfold."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict
from scipy.stats import ks_2samp

from jaxunfold import config as configs
from jaxunfold import evaluation, train
from jaxunfold import problem as problems
from jaxunfold.data import preprocess
from jaxunfold.data.events import Events
from jaxunfold.data.location import resolve
from jaxunfold.metrics.two_sample import classifier_auc
from jaxunfold.run import Run
from jaxunfold.types import Unfolded

KS, MARGINAL = 0.05, 0.52
"""What is asked of draws at least."""


class Quality(NamedTuple):
    """What is asked of draws, one of each test event: classifier AUCs, and the KS distance of m_jj.

    Without a marginal and joint AUC where the KS distance alone is too large.
    """

    ks: float
    marginal: float | None
    joint: float | None

    @property
    def suffices(self) -> bool:
        return self.ks <= KS and self.marginal is not None and self.marginal <= MARGINAL


class Table(NamedTuple):
    """Events as numbers: where the .npz is, columns of truth and features, and what draws are judged with."""

    path: Path
    truths: int
    features: int
    run: Run
    test: Events


def write_table(config: str, words: dict, folder: Path) -> Table:
    """truth [n, d], features [n, r], test [m, r] of a config's events, standardised as the config says."""
    found = configs.override(configs.load(config), list(words.items()))
    run, source, _, test = train.prepare(found, resolve(found.data.path))
    test = evaluation.suited(run, test)
    path = folder / "table.npz"
    features = np.asarray(source.reco.features, np.float32)
    np.savez(
        path, truth=np.asarray(source.truth, np.float32), features=features,
        test=np.asarray(run.encode_reco(test).features, np.float32),
    )  # fmt: skip
    return Table(path, source.truth.shape[1], features.shape[1], run, test)


def held_out(config: ConfigDict) -> Events:
    """The test events of a config."""
    return train.read_parts(str(resolve(config.data.path)), problems.plain(config.data))[-1]


def physical(table: Table, z: np.ndarray) -> np.ndarray:
    """Draws [m, d] of the test events in physical units, [m, 1, particles, 4]."""
    anchor = preprocess.encode_reco(table.run.pipeline, table.run.fitted, table.test).anchor
    return preprocess.decode(table.run.pipeline, table.run.fitted, z[:, None], anchor)


def judge(run: Run, test: Events, samples: np.ndarray, joint: bool) -> Quality:
    """Quality of one draw of each test event; joint: whether the joint AUC is wanted as well."""
    if not np.isfinite(samples).all():
        return Quality(float("nan"), None, None)
    data = evaluation.compared(run, test, Unfolded(samples, np.zeros(samples.shape[:2], np.float32)))
    ks = float(ks_2samp(data.truth["m_jj"], data.draws["m_jj"].reshape(-1)).statistic)
    if ks > KS and not joint:
        return Quality(ks, None, None)
    return Quality(ks, classifier_auc(data, False)[0], classifier_auc(data, True)[0] if joint else None)
