"""The examples in docstrings say what really comes out."""

import doctest
import importlib

import pytest

MODULES = (
    "binned.response",
    "bundle.spectrum",
    "config",
    "data.location",
    "data.splits",
    "methods.ibu",
    "metrics.calibration",
    "metrics.distances",
    "metrics.goodness",
    "metrics.quantiles",
    "metrics.weights",
    "physics.expressions",
    "physics.fourvectors",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    failed, attempted = doctest.testmod(importlib.import_module(f"jaxunfold.{name}"), optionflags=doctest.ELLIPSIS)
    assert attempted > 0
    assert failed == 0
