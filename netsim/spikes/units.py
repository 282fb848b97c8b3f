"""Units and descriptions of the columns of tables, which files of tables carry."""

from __future__ import annotations

from collections.abc import Iterable

_SPIKES = {
    "presentation": "number of the stimulus in its data set",
    "label": "label of the stimulus; missing without labels",
    "layer": "stimulus, or name of the population",
    "channel": "channel or map; in a population without maps, the neuron",
    "y": "row in the map; missing in a population without maps",
    "x": "column in the map; missing in a population without maps",
    "neuron": "number in the layer, row by row with maps last",
    "latency_ms": "time of the first spike from the start of the presentation",
}
_UNITS = {"ms": "ms", "hz": "Hz", "bits": "bit", "percent": "%", "s": "s"}
"""Units by the last word of a column's name."""


def described(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return unit and description of columns, as far as they are known.

    Examples
    --------
    >>> described(["latency_ms", "rate_hz", "y"])["rate_hz"]
    {'unit': 'Hz'}
    """
    columns = {}
    for name in names:
        head, _, last = name.rpartition("_")
        entry = {"unit": _UNITS[last]} if head and last in _UNITS else {}
        columns[name] = entry | ({"description": _SPIKES[name]} if name in _SPIKES else {})
    return {name: entry for name, entry in columns.items() if entry}
