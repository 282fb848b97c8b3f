"""The kinds of figures by name, without anything heavy: for help texts, and for what may be chosen."""

FIGURE_KINDS = {
    "raster": "all spikes of one presentation",
    "group-raster": "a layer, or some neurons, over presentations sorted by label",
    "potentials": "potentials of chosen neurons in one presentation",
    "latencies": "when each layer fires",
    "spikes": "how many neurons of each layer fire",
    "displacements": "actual and target latencies, before and after learning",
    "kernels": "learned kernels, or receptive fields of dense neurons",
    "learning": "errors and silent fractions over the epochs of a run",
    "confusion": "labels against decisions, with silence",
    "decision-time": "accuracy if the network is read out early",
    "errors": "the most confident errors with their stimuli",
}
"""Names in the order in which one looks at them, and what each figure shows."""

CHOICE_KINDS = {
    "index": ("raster", "potentials"),
    "layer": ("group-raster", "kernels"),
    "channel": ("kernels",),
    "neuron": ("potentials", "group-raster"),
    "count": ("kernels", "errors"),
}
"""By the name of a choice, the kinds that leave it; in the others it has no meaning."""
