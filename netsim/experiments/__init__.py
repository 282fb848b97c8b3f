"""Experiments: questions of neuroscience, each with a protocol, a table, a figure, a published control and a verdict.

Each is one folder (`netsim.experiments.kinds`): a class of settings and four methods, and its prose in Markdown. A
runner measures its units, keeps their rows, and writes a page.
"""
