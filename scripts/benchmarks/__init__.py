"""Timed calls for `scripts/benchmark.py` and asv."""
