"""Tidy tables and figures of simulations.

pandas, matplotlib and seaborn take a second to import, so the names of ``__init__.pyi`` are imported on first use.

Examples
--------
>>> import netsim
>>> spikes = netsim.present("digits", limit=5)
>>> spikes.table()["layer"].cat.categories.tolist()
['stimulus', 'hidden', 'output']
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
