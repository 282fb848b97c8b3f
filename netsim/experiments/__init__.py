"""Experiments: questions of neuroscience, each with a protocol, a table, a figure, a published control and a verdict.

Each is one module (`netsim.experiments.kinds`). A runner measures its units, keeps their rows, and writes a page.
"""
