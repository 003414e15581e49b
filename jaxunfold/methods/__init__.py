"""The methods of unfolding, by name. To add one: write a file with ``build`` and put it in this dict."""

from jaxunfold.methods import cinn, omnifold

METHODS = {"cinn": cinn.build, "omnifold": omnifold.build}
