"""Sweeps: one network trained many times, over a grid or random draws of its settings and over seeds.

A plan in TOML becomes a list of runs; Dask workers train them, each as an ordinary run folder.
"""
