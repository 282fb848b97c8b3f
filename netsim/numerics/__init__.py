"""Compiled loops: compilation, vectors, threads and receptive fields."""
