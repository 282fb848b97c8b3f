"""Information over time: its growth during the presentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.frames import require
from netsim.analysis.kinds._information import contingency, equal_bins, panzeri_treves_bias, plug_in, with_silence
from netsim.analysis.kinds._layers import SILENT, draw_lines, each_layer, ordered_layers, percentile_interval, positions
from netsim.analysis.style import Palette
from netsim.errors import DataError, SpecificationError
from netsim.spikes.columns import observed_window
from netsim.spikes.spikes import Progress, Spikes, no_progress

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def information_time_figure(frame: pd.DataFrame, ax: Axes | None = None, palette: Palette = None) -> Axes:
    """Draw the mean information of neurons against the time up to which their spikes are known, for each layer.

    The band is the 95 % bootstrap interval over neurons.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `information_over_time`.
    ax : matplotlib Axes, optional
        Axes to draw into; by default Axes of a new figure.
    palette : str or sequence of colours, optional
        As for `netsim.analysis.theme`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import netsim
    >>> table = netsim.analyse("digits", "information-time", limit=40).table
    >>> ax = netsim.analysis.information_time_figure(table)
    >>> ax.get_xlabel()
    'spikes known up to (ms)'
    """
    require(frame, ("layer", "time_ms", "mean_bits", "low", "high"), "information over time")
    axes = draw_lines(frame, "time_ms", "mean_bits", ax, palette)
    axes.set(xlabel="spikes known up to (ms)", ylabel="information about the label\n(bits per neuron, corrected)")
    return axes


@Analysis(
    "information-time",
    "growth of the neurons' information about the label during the presentation",
    information_time_figure,
    order=50,
)
def information_over_time(
    spikes: Spikes, times: int = 12, bins: int = 8, seed: int = 0, progress: Progress = no_progress
) -> pd.DataFrame:
    r"""Mutual information of latencies and label, if spikes are known only up to a time.

    Bins, estimates and the correction of Panzeri and Treves are the same as in `label_information`. Bins are fixed over
    time. A spike is known once the last spike of its bin has come. Until then it counts as silence, so that responses
    only become finer, and the uncorrected information never falls. The control uses labels shuffled once. It is near 0
    if the correction suffices.

    The analysis needs all spikes of a layer. It reads one layer of a file at a time.

    Parameters
    ----------
    spikes : Spikes
        Spikes with labels.
    times : int
        Number of times, evenly spaced from the first to the last spike of each layer.
    bins : int
        Number of bins of latencies.
    seed : int
        Seed of the shuffle and of the bootstrap.
    progress : callable
        Called with (done, total).

    Returns
    -------
    pandas.DataFrame
        One row for each layer and time, with the columns

        ============  ===========  ==================================================================
        layer         categorical  ordered from first to last
        time_ms       float64      time up to which spikes are known (ms)
        fired         float64      fraction of neurons that have fired by then
        mean_bits     float64      mean over neurons of the corrected information (bits)
        low, high     float64      bounds of its 95 % bootstrap interval over neurons (bits)
        control_bits  float64      mean over neurons with shuffled labels (bits)
        ============  ===========  ==================================================================

    Raises
    ------
    DataError
        If there are no labels, or no layer fires.
    SpecificationError
        If `times` or `bins` is below 2.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", populations=["hidden"])
    >>> table = netsim.analysis.information_over_time(spikes, times=4)
    >>> bool(table["mean_bits"].iloc[-1] > table["mean_bits"].iloc[0])
    True
    """
    import pandas as pd

    for name, value in (("times", times), ("bins", bins)):
        if value < 2:
            raise SpecificationError(f"information-time: setting {name}", f"must be at least 2, not {value}")
    labels, tag = positions(spikes.require_labels())
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(tag)
    presentations = np.bincount(tag, minlength=len(labels))
    rows = []
    for layer in each_layer(spikes, progress):
        if not len(layer.latencies):
            continue
        moments = np.linspace(*observed_window(layer.latencies), times)
        fired, corrected = np.zeros(times, np.int64), np.empty((2, times, layer.size))
        for some in layer.by_neuron(layer.latencies):
            neurons = len(some.counts)
            code = some.neurons * bins + equal_bins(some.values, some.counts, bins)
            fired += np.cumsum(np.bincount(np.searchsorted(moments, some.values), minlength=times))
            last = np.full(neurons * bins, -np.inf)
            np.maximum.at(last, code, some.values)
            step = np.searchsorted(moments, last[code])  # the first time at which the whole bin is known
            for tags, bits in zip((tag, shuffled), corrected, strict=True):
                known = np.zeros((neurons, len(labels), bins), np.int64)
                for position in range(times):
                    new = step == position
                    known += contingency(code[new], tags[some.rows[new]], bins, len(labels), neurons)
                    whole = with_silence(known, presentations)
                    bits[position, some.first : some.first + neurons] = plug_in(whole) - panzeri_treves_bias(whole)
        for position, time in enumerate(moments):
            low, high = _bootstrap(corrected[0, position], generator)
            rows.append(
                {
                    "layer": layer.name,
                    "time_ms": time,
                    "fired": fired[position] / (layer.size * spikes.presentations),
                    "mean_bits": corrected[0, position].mean(),
                    "low": low,
                    "high": high,
                    "control_bits": corrected[1, position].mean(),
                }
            )
    if not rows:
        raise DataError(SILENT)
    table = pd.DataFrame(rows)
    return table.assign(layer=ordered_layers(table["layer"], spikes))


def _bootstrap(values: np.ndarray, generator: np.random.Generator, draws: int = 200) -> tuple[float, float]:
    """Bounds of the 95 % bootstrap interval of a mean."""
    weights = generator.multinomial(len(values), np.full(len(values), 1 / len(values)), draws) / len(values)
    return percentile_interval(weights @ values, len(values))
