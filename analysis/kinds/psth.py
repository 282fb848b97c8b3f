"""First-spike PSTH: the rate of a layer over the presentation, with its confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.frames import require
from netsim.analysis.kinds._layers import draw_lines, each_layer, nullable, ordered_layers, positions, student_interval
from netsim.analysis.spikes import Progress, Spikes, no_progress
from netsim.analysis.style import FULL_WIDTH, Palette
from netsim.errors import SpecificationError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_MOST_BINS = 10_000


def psth_figure(
    frame: pd.DataFrame, classes: Sequence[str] = (), ax: Axes | None = None, palette: Palette = None
) -> Axes:
    """Draw the rate of each layer over the presentation, all labels together, with its 95 % confidence interval.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `first_spike_psth`.
    classes : sequence of str, optional
        Not used: labels are not drawn.
    ax : matplotlib Axes, optional
        What is drawn into and returned; by default Axes of a new figure.
    palette : str or sequence of colours, optional
        As of `netsim.analysis.theme`.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> spikes = analysis.Spikes.of(model, test)
    >>> table = netsim.analyse("psth", spikes).table
    >>> ax = analysis.psth_figure(table)
    >>> ax.get_xlabel()
    'time in the presentation (ms)'
    """
    require(frame, ("layer", "time_ms", "rate_hz", "low", "high"), "PSTH")
    shown = frame[frame["label"].isna()]
    axes = draw_lines(shown, "time_ms", "rate_hz", ax, palette, size=(FULL_WIDTH, 2.4), step=True)
    axes.set(xlabel="time in the presentation (ms)", ylabel="rate (spikes/s and neuron)")
    axes.set_ylim(bottom=0)
    return axes


@Analysis("psth", "first-spike PSTH of each layer, with confidence", psth_figure, order=20, width=FULL_WIDTH)
def first_spike_psth(spikes: Spikes, bin_ms: float = 1.0, progress: Progress = no_progress) -> pd.DataFrame:
    r"""First-spike peristimulus time histogram of each layer, over all presentations and over those of each label.

    In a bin of width :math:`\Delta` presentation :math:`p` has :math:`c_p` spikes of :math:`M` neurons; its rate is
    :math:`c_p / (M \Delta)`, in spikes per second and neuron. The table has the mean over presentations and its 95 %
    confidence interval, Student's t with the presentation as the unit: spikes of one presentation are not independent.

    Parameters
    ----------
    spikes : Spikes
    bin_ms : float
        Width of the bins (ms).
    progress : callable
        Is told how much of how much is done.

    Returns
    -------
    pandas.DataFrame
        One row for each layer, label and bin, with the columns

        =============  ===========  ==============================================================
        layer          categorical  ordered from first to last
        label          Int64        missing over all labels
        time_ms        float64      begin of the bin (ms)
        presentations  int64
        rate_hz        float64      spikes per second and neuron
        low, high      float64      bounds of the 95 % confidence interval; missing of one presentation
        =============  ===========  ==============================================================

    Raises
    ------
    SpecificationError
        If the bins are not wider than 0, or too many.

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.analysis import LayerSpikes, Spikes, first_spike_psth
    >>> layer = LayerSpikes.of_latencies("hidden", np.array([[0.5, np.inf], [0.5, 1.5]]))
    >>> first_spike_psth(Spikes.of_layers([layer]))["rate_hz"].tolist()
    [500.0, 250.0]
    """
    import pandas as pd

    if not bin_ms > 0:
        raise SpecificationError("psth: setting bin_ms", f"must be more than 0 ms, not {bin_ms:g}")
    labels, tag = positions(np.zeros(len(spikes), np.int64) if spikes.labels is None else spikes.labels)
    parts = []
    for layer in each_layer(spikes, progress):
        last = max(layer.window[1], float(layer.latencies.max(initial=0.0)))
        bins = max(1, math.ceil(last / bin_ms - 1e-9))
        if bins > _MOST_BINS:
            raise SpecificationError("psth: setting bin_ms", f"makes {bins:,} bins; take wider ones")
        # a spike on a bound belongs to the later bin, but for the very last
        place = np.minimum((layer.latencies / bin_ms + 1e-9).astype(np.int64), bins - 1)
        counts = np.bincount(layer.rows * np.int64(bins) + place, minlength=len(spikes) * bins).reshape(-1, bins)
        rates = counts / (layer.size * bin_ms / 1000)
        groups: list[tuple[int | None, np.ndarray]] = [(None, np.ones(len(spikes), bool))]
        if spikes.labels is not None:
            groups += [(int(label), tag == position) for position, label in enumerate(labels)]
        for label, chosen in groups:
            own, count = rates[chosen], int(chosen.sum())
            mean = own.mean(axis=0)
            sd = own.std(axis=0, ddof=1) if count > 1 else np.full(bins, np.nan)
            low, high = student_interval(mean, sd, np.full(bins, count))
            parts.append(
                pd.DataFrame(
                    {
                        "layer": [layer.name] * bins,
                        "label": nullable([label or 0] * bins, [label is None] * bins),
                        "time_ms": np.arange(bins) * bin_ms,
                        "presentations": count,
                        "rate_hz": mean,
                        "low": low,
                        "high": high,
                    }
                )
            )
    table = pd.concat(parts, ignore_index=True)
    return table.assign(layer=ordered_layers(table["layer"], spikes))
