"""Sweeps: train a network repeatedly on Dask workers, over settings and seeds, each time in a run folder."""
