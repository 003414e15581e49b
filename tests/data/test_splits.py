"""Splits are disjoint, complete, and the same for ever for a seed."""

import numpy as np
import pytest

from jaxunfold.data.splits import split
from jaxunfold.errors import InputError


@pytest.mark.parametrize(("valid", "test", "sizes"), [(0.1, 0.2, (700, 100, 200)), (50, 0, (950, 50, 0))])
def test_covers_all_once(valid, test, sizes):
    parts = split(1000, valid, test, seed=3)
    assert tuple(len(part) for part in parts) == sizes
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1000))


def test_golden():
    parts = split(12, 3, 2, seed=42)
    assert [part.tolist() for part in parts] == GOLDEN
    assert [part.tolist() for part in split(12, 3, 2, seed=43)] != GOLDEN


GOLDEN = [[0, 2, 3, 5, 6, 7, 11], [4, 8, 10], [1, 9]]


def test_refused():
    with pytest.raises(InputError, match="at least one to train on"):
        split(10, 5, 5)
    with pytest.raises(InputError, match="valid expected a fraction or a count"):
        split(10, -0.5)
    with pytest.raises(InputError, match="test expected a fraction or a count"):
        split(10, 1, 1.5)
