"""The parts of ``scripts/reproduce.py``: rows of the results table, ablations, and the page made of their records."""
