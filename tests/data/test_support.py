"""The density of nearest neighbours against the normal one, and how often its own events are outside."""

import numpy as np

from jaxunfold.data import support


def test_log_density_of_a_normal_sample():
    """k = 10 neighbours scatter log p by 1/sqrt(10) each; the mean over 2000 events is off by far less."""
    rng = np.random.default_rng(0)
    scale = np.array([[3.0, 0.0], [2.0, 0.5]])
    found = support.fit(rng.normal(size=(12288, 2)) @ scale)
    x = rng.normal(size=(2000, 2))
    expected = -np.sum(x**2, -1) / 2 - np.log(2 * np.pi) - np.log(1.5)
    difference = support.log_density(found, x @ scale) - expected
    core = np.sum(x**2, -1) < 4
    assert abs(np.mean(difference[core])) < 0.1
    assert 0.2 < np.std(difference[core]) < 0.45


def test_few_of_the_own_events_and_all_strange_ones_are_outside():
    """20,000 events at 0.001 are 20, to 4.5 by themselves and to 10 by the threshold's own 4096 events: 2 to 60."""
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(8, 8))
    found = support.fit(rng.normal(size=(12288, 8)) @ mix)
    own = support.log_density(found, rng.normal(size=(20_000, 8)) @ mix)
    assert 2 <= np.sum(~support.inside(found, own)) <= 60
    far = support.log_density(found, rng.normal(size=(200, 8)) @ mix + 12 * mix[0])
    assert not support.inside(found, far).any()
    # each feature alone is ordinary, but not their combination
    odd = rng.normal(size=(200, 8)) * np.linalg.norm(mix, axis=0)
    assert np.mean(support.inside(found, support.log_density(found, odd))) < 0.5
    again = support.from_arrays({name: np.asarray(a) for name, a in support.to_arrays(found).items()})
    np.testing.assert_array_equal(support.log_density(again, odd), support.log_density(found, odd))


def test_a_tiny_sample_has_a_support_too():
    nothing = support.fit(np.zeros((1, 3)))
    assert support.inside(nothing, support.log_density(nothing, np.ones((2, 3)))).all()
    found = support.fit(np.random.default_rng(2).normal(size=(12, 3)))
    assert np.isfinite(support.log_density(found, np.zeros((2, 3)))).all()
    assert not support.inside(found, support.log_density(found, np.full((1, 3), 50.0))).any()


def test_where_nothing_is_measured_nothing_is_outside():
    found = support.fit(np.zeros((100, 0)))
    assert support.inside(found, support.log_density(found, np.zeros((5, 0)))).all()
