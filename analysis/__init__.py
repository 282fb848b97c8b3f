"""Tidy tables and figures of what was simulated.

The names of ``__init__.pyi`` are imported when they are first used, for pandas, matplotlib and seaborn take a second.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
