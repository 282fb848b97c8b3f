"""Sweeps: one network trained many times on Dask workers, over settings and seeds, each time in a run folder."""
