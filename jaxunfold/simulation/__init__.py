"""Simulated collisions: Pythia 8, a fast detector and jets, as event files. The optional extra ``[sim]``."""

STREAM = "jaxunfold 0.1.0, event stream 1"
"""Recorded as code_version; it changes whenever the same seed would give other events."""
