"""netsim: event-driven simulation of single-spike networks, defined in Brian2 and trained with STiDi-BP.

This module has the names for daily work. Each is imported at its first use::

    import netsim

    model = netsim.load_model("rcsnn-mnist")          # or netsim.train("digits", epochs=10)
    spikes = netsim.present(model, index=range(100))  # a mapping: population name -> latencies (ms)
    print(netsim.evaluate(model))
    netsim.plot(spikes, "raster", presentation=0)

`netsim.analysis` has figures and tables, and `netsim.seams` has the registries for extensions. Deeper modules are
private and may change in any version.
"""

import lazy_loader

__version__ = "0.3.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
