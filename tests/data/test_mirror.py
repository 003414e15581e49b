"""What is seen of mirror images follows from what is seen of the events, and is what measuring them gives."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxunfold.data import mirror, preprocess
from tests.data.test_preprocess import SECTIONS, build

pytestmark = pytest.mark.usefixtures("quick_compile")

AXES = ("y", "z")


def smeared(events):
    """The events with momenta measured to three per cent, direction by direction."""
    three = events.reco[..., 1:] * (1 + 0.03 * np.random.default_rng(1).normal(size=events.reco[..., 1:].shape))
    reco = np.concatenate([np.linalg.norm(three, axis=-1, keepdims=True), three], axis=-1).astype(np.float32)
    return dataclasses.replace(events, reco=reco)


def counted(pipeline):
    """The pipeline, and a list of how many events each call of its ``measure`` has seen."""
    calls = []

    def measure(resolution, reco, mask, extra):
        calls.append(len(reco))
        return pipeline.measure(resolution, reco, mask, extra)

    return pipeline._replace(measure=measure), calls


@pytest.mark.parametrize("name", ["tree, fit", "tree, relative", "momenta"])
def test_images_are_seen_as_if_they_had_been_measured(monkeypatch, zw_events, name):
    """To a few hundredths of the width of each number, where a fit in float32 ends; most agree far better."""
    monkeypatch.setattr(mirror, "COMPARED", 64)
    events = smeared(zw_events[:128])
    pipeline, calls = counted(build(events, SECTIONS[name]))
    images = mirror.augment(events, AXES)
    resolution = preprocess.fit_resolution(pipeline, images)
    ours = mirror.measure(pipeline, resolution, images, preprocess.measure(pipeline, resolution, events))
    # in one piece all events, in one each the first 64 images of each axis
    assert calls == [4096] + 2 * [64]
    direct = preprocess.measure(pipeline, resolution, images)
    for found, exact in zip(jax.tree.leaves(ours), jax.tree.leaves(direct)):
        off = np.abs(found - exact)
        assert np.all(off <= 0.03 * np.std(exact, axis=0) + 1e-4)
        assert np.median(off) < 1e-5


def test_a_resolution_fitted_with_images_has_no_side(zw_events):
    pipeline = build(zw_events, SECTIONS["tree, fit"])
    bias = np.asarray(preprocess.fit_resolution(pipeline, mirror.augment(zw_events, AXES)).bias)
    leaves = len(bias) // 3
    np.testing.assert_allclose(bias[leaves:], 0, atol=1e-6)
    assert np.all(np.abs(bias[:leaves]) > 1e-4)


def test_images_that_do_not_follow_by_signs_are_measured(monkeypatch, zw_events):
    monkeypatch.setattr(mirror, "COMPARED", 64)
    plain = build(zw_events, SECTIONS["tree, absolute"])

    def measure(resolution, reco, mask, extra):
        features, objects, anchor = plain.measure(resolution, reco, mask, extra)
        return np.concatenate([features, np.exp(reco[:, 0, 3:] / reco[:, 0, :1])], axis=1), objects, anchor

    pipeline, calls = counted(plain._replace(measure=measure))
    images = mirror.augment(zw_events, ("z",))
    ours = mirror.measure(pipeline, None, images, preprocess.measure(pipeline, None, zw_events))
    direct = preprocess.measure(pipeline, None, images)
    for found, exact in zip(jax.tree.leaves(ours), jax.tree.leaves(direct)):
        np.testing.assert_array_equal(found, exact)
    assert len(calls) > 3
