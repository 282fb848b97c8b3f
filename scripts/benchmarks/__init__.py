"""Calls that `scripts/benchmark.py` and asv time."""
