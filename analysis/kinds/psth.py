"""First-spike PSTH: the rate of a layer during the presentation, with its confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import draw_lines, nullable, positions, student_interval
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.analysis.style import FULL_WIDTH
from netsim.errors import SpecificationError
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Progress, Spikes, no_progress

_MOST_BINS = 10_000


@draws("PSTH", ("layer", "time_ms", "end_ms", "rate_hz", "low", "high"), of="first_spike_psth", width=FULL_WIDTH)
def psth_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the rate of each layer during the presentation, over all labels, with its 95 % confidence interval."""
    import pandas as pd

    shown = frame[frame["label"].isna()]
    last = shown.groupby("layer", observed=True, sort=False).tail(1)
    after = last.assign(time_ms=last["end_ms"], rate_hz=0.0, low=0.0, high=0.0)
    shown = pd.concat([shown, after])  # lines return to 0 at the end of the last bin
    draw_lines(axes, shown, "time_ms", "rate_hz", step=True)
    axes.set(xlabel="time in the presentation (ms)", ylabel="rate (spikes/s and neuron)")
    axes.set_ylim(bottom=0)


@Analysis("psth", "first-spike PSTH of each layer, with confidence", psth_figure, order=20, width=FULL_WIDTH)
def first_spike_psth(spikes: Spikes, bin_ms: float = 1.0, progress: Progress = no_progress) -> Rows:
    r"""First-spike peristimulus time histogram (PSTH) of each layer, over all presentations and for each label.

    Gerstein and Kiang (1960, Biophys J 1:15-28) defined the PSTH. This table is restricted to first spikes. In a bin
    of width :math:`\Delta`, presentation :math:`p` has :math:`c_p` spikes of :math:`M` neurons. Its rate is
    :math:`c_p / (M \Delta)`, in spikes per second and neuron.

    The table has the mean over presentations and its 95 % confidence interval (Student's t), cut at 0. The unit is the
    presentation, because spikes in a presentation are not independent. The last bin ends with the firing window of the
    layer, so it may be narrower. It has full width if the window is unknown, as for spikes from a file.

    Parameters
    ----------
    bin_ms : float
        Width of the bins (ms).

    Returns
    -------
    pandas.DataFrame
        One row for each layer, label and bin, with the columns

        =============  ===========  ==============================================================
        layer          categorical  ordered from first to last
        label          Int64        missing in rows over all labels
        time_ms        float64      begin of the bin (ms)
        end_ms         float64      end of the bin (ms)
        presentations  int64
        rate_hz        float64      spikes per second and neuron
        low, high      float64      bounds of the 95 % confidence interval, at least 0; missing for a
                                    single presentation
        =============  ===========  ==============================================================

    Raises
    ------
    SpecificationError
        If the bins have no width, are too many, or are wider than the presentation.

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.spikes import LayerSpikes, Spikes
    >>> from netsim.analysis import first_spike_psth
    >>> layer = LayerSpikes.of_latencies("hidden", np.array([[0.5, np.inf], [0.5, 1.5]]))
    >>> first_spike_psth(Spikes.of_layers([layer]))["rate_hz"].tolist()
    [500.0, 250.0]
    """
    if not bin_ms > 0:
        raise SpecificationError("psth: setting bin_ms", f"must be more than 0 ms, not {bin_ms:g}")
    labels, tag = positions(np.zeros(spikes.presentations, np.int64) if spikes.labels is None else spikes.labels)
    histograms: dict[str, _Histogram] = {}
    for first, layer in spikes.parts(progress):
        if layer.name not in histograms:
            end = np.inf if layer.observed else layer.window[1]
            histograms[layer.name] = _Histogram(layer.size, layer.window[1], end, bin_ms, len(labels))
        histograms[layer.name].add(layer, tag[first : first + layer.presentations])
    longest = max((histogram.last for histogram in histograms.values()), default=0.0)
    if 0 < longest < bin_ms:
        long = f"{bin_ms:g} ms is longer than a presentation ({longest:g} ms); narrow bins, or give latencies in ms"
        raise SpecificationError("psth: setting bin_ms", long)
    shown = np.bincount(tag, minlength=len(labels))
    for name in spikes.sizes:
        histogram = histograms[name]
        groups: list[tuple[int | None, list[int]]] = [(None, list(range(len(labels))))]
        if spikes.labels is not None:
            groups += [(int(label), [position]) for position, label in enumerate(labels)]
        for label, chosen in groups:
            count = int(shown[chosen].sum())
            mean, sd = histogram.rates(chosen, count)
            bins, edges = len(mean), histogram.edges
            low, high = student_interval(mean, sd, np.full(bins, count))
            yield {
                "layer": [name] * bins,
                "label": nullable([label or 0] * bins, [label is None] * bins),
                "time_ms": edges[:-1],
                "end_ms": edges[1:],
                "presentations": count,
                "rate_hz": mean,
                "low": np.maximum(low, 0.0),
                "high": high,
            }


class _Histogram:
    """Binned spikes of a layer, as sums over the presentations of each label.

    Bins extend to the `last` known time. The last bin ends at `end`, unless spikes occur after it. An extra bin
    collects spikes at `end`. `rates` merges it with the last bin, and needs products of adjacent bins for it.
    """

    def __init__(self, neurons: int, last: float, end: float, bin_ms: float, labels: int) -> None:
        self._neurons, self.last, self._end, self._bin_ms = neurons, last, end, bin_ms
        self._sums = np.zeros((3, labels, 1), np.int64)  # counts, squares, products with the next bin
        self._widen()

    def _widen(self) -> None:
        bins = self.last / self._bin_ms
        # without a known end, a spike on the last bound has a bin of its own, as all others on a bound
        bins = max(1, math.ceil(bins - 1e-9)) if self._end < np.inf else math.floor(bins + 1e-9) + 1
        if bins > _MOST_BINS:
            many = f"makes {bins:,} bins up to the last spike ({self.last:g} ms); correct it, or widen bins"
            raise SpecificationError("psth: setting bin_ms", many)
        self._sums = np.pad(self._sums, ((0, 0), (0, 0), (0, bins + 1 - self._sums.shape[2])))

    def add(self, layer: LayerSpikes, tag: np.ndarray) -> None:
        """Count presentations. `tag` is the position of each presentation's label."""
        last = float(layer.latencies.max(initial=0.0))
        if last > self.last:
            self.last, self._end = last, np.inf
            self._widen()
        columns = self._sums.shape[2]
        index = (layer.latencies / self._bin_ms + 1e-9).astype(np.int64)
        index += layer.rows * np.int64(columns)
        counts = np.bincount(index, minlength=layer.presentations * columns).reshape(-1, columns)
        for position in np.unique(tag):
            chosen = counts[tag == position]
            self._sums[0, position] += chosen.sum(axis=0)
            self._sums[1, position] += (chosen**2).sum(axis=0)
            self._sums[2, position, :-1] += (chosen[:, :-1] * chosen[:, 1:]).sum(axis=0)

    @property
    def edges(self) -> np.ndarray:
        """Bounds of the bins (ms), one more than bins."""
        whole = np.arange(self._sums.shape[2]) * self._bin_ms
        return np.append(whole[:-1], min(whole[-1], self._end)) if self._end > 0 else whole

    def rates(self, chosen: Sequence[int], count: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (Hz) per bin, over the `count` presentations of the chosen labels."""
        # exact integers, so that equal counts have a deviation of exactly 0
        total, squares, products = self._sums[:, chosen].sum(axis=1).astype(object)
        total[-2] += total[-1]
        squares[-2] += squares[-1] + 2 * products[-2]
        total, squares = total[:-1], squares[:-1]
        to_hz = 1000 / (self._neurons * np.diff(self.edges))
        mean = total.astype(np.float64) / count * to_hz
        if count < 2:
            return mean, np.full(len(mean), np.nan)
        variance = (count * squares - total**2).astype(np.float64) / (count * (count - 1))
        return mean, np.sqrt(variance) * to_hz
