"""The figures that ``netsim plot`` draws: each module is one, with all that belongs to it.

They import what is heavy when they draw; functions that draw a table into Axes stand in `netsim.analysis`.
"""
