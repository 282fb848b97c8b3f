"""Tidy tables and figures of what was simulated.

The names below are imported when they are first used, for pandas, matplotlib and seaborn take a second.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsim.analysis.confusion import confusion_matrix
    from netsim.analysis.decision_tables import decision_table, spike_count_table
    from netsim.analysis.decision_time import accuracy_over_time
    from netsim.analysis.displacements import displacement_figure
    from netsim.analysis.group_rasters import group_raster
    from netsim.analysis.histograms import latency_histograms
    from netsim.analysis.learning_tables import displacement_table, metrics_table, weight_table
    from netsim.analysis.potentials import potential_figure
    from netsim.analysis.rasters import raster
    from netsim.analysis.receptive_fields import kernels
    from netsim.analysis.spike_counts import spikes_per_layer
    from netsim.analysis.studies import study_figure, study_panels, study_table
    from netsim.analysis.style import save_figure, theme
    from netsim.analysis.sweep_tables import read_sweep_table, sweep_summary, sweep_table
    from netsim.analysis.tables import layer_names, potential_table, spike_table, write_table
    from netsim.analysis.training_curves import learning_curves, silent_curves
    from netsim.analysis.wrong_decisions import confident_errors, error_gallery

_MODULES = {
    "accuracy_over_time": "decision_time",
    "confident_errors": "wrong_decisions",
    "confusion_matrix": "confusion",
    "decision_table": "decision_tables",
    "displacement_figure": "displacements",
    "displacement_table": "learning_tables",
    "error_gallery": "wrong_decisions",
    "group_raster": "group_rasters",
    "kernels": "receptive_fields",
    "latency_histograms": "histograms",
    "layer_names": "tables",
    "learning_curves": "training_curves",
    "metrics_table": "learning_tables",
    "potential_figure": "potentials",
    "potential_table": "tables",
    "raster": "rasters",
    "read_sweep_table": "sweep_tables",
    "save_figure": "style",
    "silent_curves": "training_curves",
    "spike_count_table": "decision_tables",
    "spike_table": "tables",
    "spikes_per_layer": "spike_counts",
    "study_figure": "studies",
    "study_panels": "studies",
    "study_table": "studies",
    "sweep_summary": "sweep_tables",
    "sweep_table": "sweep_tables",
    "theme": "style",
    "weight_table": "learning_tables",
    "write_table": "tables",
}

__all__ = [
    "accuracy_over_time",
    "confident_errors",
    "confusion_matrix",
    "decision_table",
    "displacement_figure",
    "displacement_table",
    "error_gallery",
    "group_raster",
    "kernels",
    "latency_histograms",
    "layer_names",
    "learning_curves",
    "metrics_table",
    "potential_figure",
    "potential_table",
    "raster",
    "read_sweep_table",
    "save_figure",
    "silent_curves",
    "spike_count_table",
    "spike_table",
    "spikes_per_layer",
    "study_figure",
    "study_panels",
    "study_table",
    "sweep_summary",
    "sweep_table",
    "theme",
    "weight_table",
    "write_table",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
