"""Tidy tables and figures of what was simulated.

The names below are imported when they are first used, for pandas, matplotlib and seaborn take a second.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsim.analysis.potentials import potential_figure
    from netsim.analysis.rasters import raster
    from netsim.analysis.style import save_figure, theme
    from netsim.analysis.tables import layer_names, potential_table, spike_table, write_table

_MODULES = {
    "layer_names": "tables",
    "potential_figure": "potentials",
    "potential_table": "tables",
    "raster": "rasters",
    "save_figure": "style",
    "spike_table": "tables",
    "theme": "style",
    "write_table": "tables",
}

__all__ = [
    "layer_names",
    "potential_figure",
    "potential_table",
    "raster",
    "save_figure",
    "spike_table",
    "theme",
    "write_table",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
