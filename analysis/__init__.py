"""Tidy tables and figures of simulations.

pandas, matplotlib and seaborn take a second to import, so the names of ``__init__.pyi`` are imported on first use.

Examples
--------
>>> import netsim
>>> model = netsim.load_model("digits")
>>> test = netsim.load_splits(model.network).test.first(5)
>>> engine = netsim.make_engine("event", model.network)
>>> latencies = engine.present(netsim.Batch(test.latencies(range(5)), model.weights))
>>> netsim.analysis.spike_table(model.network, latencies)["layer"].cat.categories.tolist()
['stimulus', 'hidden', 'output']
"""

import lazy_loader

from netsim.keywords import with_hints

__getattr__, __dir__, __all__ = with_hints(lazy_loader.attach_stub(__name__, __file__), __name__)
