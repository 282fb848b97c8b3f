"""Presets, and Brian2 definitions of neurons, synapses and networks.

Brian2 is imported on first use of `build_network` or `NetworkModel`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
