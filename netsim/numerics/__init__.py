"""Compiled loops: how they are compiled, vectors, threads, receptive fields."""
