"""What `scripts/benchmark.py` measures, a module for each family of rows, and how it is written down."""
