"""Studies: effects of disturbed networks, stimuli or simulations on decisions.

Each study of `netsim.studies.kinds` has levels, drawn with several seeds. A plan selects them, and a runner presents
the stimuli on any engine. `netsim.analysis` makes the table and the figure.
"""
