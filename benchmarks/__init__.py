"""Benchmarks: scripts, and the comparisons with other libraries, run as ``python -m benchmarks.NAME``."""
