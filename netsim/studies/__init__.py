"""Studies: what happens to the decisions of a network when it, its stimuli or its simulation are disturbed.

Each (`netsim.studies.kinds`) has levels, drawn with several seeds; a plan says which, and a runner presents them on any
engine. `netsim.analysis` makes table and figure.
"""
