"""Studies: what happens to the decisions of a network when it, its stimuli or its simulation are disturbed.

A study (`netsim.studies.study`, one module each in `netsim.studies.kinds`) has levels, drawn with several seeds; a
plan (`netsim.studies.plans`) says which, and `netsim.studies.runner` presents them on any engine. `netsim.analysis`
makes table and figure.
"""
