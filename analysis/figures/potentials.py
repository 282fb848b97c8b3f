"""Potentials of chosen neurons during one presentation, with threshold, window and spike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from netsim.analysis.frames import one_presentation
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FAINT, FULL_WIDTH, INK, colours, in_legend, note_at
from netsim.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from netsim.engines import Recorded
    from netsim.specification import Network


@draws(
    "potential",
    ("presentation", "layer", "neuron", "time_ms", "potential"),
    of="potential_table",
    width=7.0,
    height=3.2,
    rows=False,
)
def potential_figure(
    axes: Axes, frame: DataFrame, network: Network, spikes: DataFrame | None = None, presentation: int | None = None
) -> None:
    """Draw the recorded potentials of one presentation.

    A dashed line with the layer's name is the threshold, drawn while its neurons can fire. A dotted vertical line is
    the onset, and a disc is the spike. Ticks at the bottom are breakpoints of potentials without leak. The dotted pale
    curve after the spike or the window has no effect.

    Parameters
    ----------
    network : Network
    spikes : pandas.DataFrame, optional
        As from `spike_table`, for the times of the spikes. By default a spike is the first sample in the window that
        reaches the threshold.
    presentation : int, optional
        Presentation of the table; required if it contains several.

    Raises
    ------
    DataError
        If the table lacks the presentation, or has layers without potentials.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=1, record=[netsim.Recorded("hidden", 3)])
    >>> ax = netsim.analysis.potential_figure(netsim.analysis.potential_table(spikes.potentials), spikes.network)
    >>> ax.get_xlabel()
    'time in the presentation (ms)'
    """
    import numpy as np
    from matplotlib.lines import Line2D

    traces = _choose(frame, network, presentation)
    neurons = list(traces.groupby(["layer", "neuron"], sort=False))
    highest, lowest = 0.0, 0.0
    breakpoints: set[float] = set()
    has_more = False
    for (key, trace), colour in zip(neurons, colours(len(neurons)), strict=True):
        name, neuron = map(str, key)
        time, potential = trace["time_ms"].to_numpy(), trace["potential"].to_numpy()
        spike = _spike(trace, network, spikes)
        _, end, threshold = _window(network, name)
        last = min(spike, end)
        at_last = np.interp(last, time, potential)
        before, after = time < last, time > last
        highest, lowest = max(highest, threshold), min(lowest, at_last, potential[before].min(initial=0.0))
        decides = np.append(time[before], last), np.append(potential[before], at_last)
        label = in_legend(f"{name}:{neuron}" + ("" if math.isfinite(spike) else " (silent)"))
        axes.plot(*decides, color=colour, linewidth=1.5, zorder=3, label=label)
        is_over = np.append(last, time[after]), np.append(at_last, potential[after])
        axes.plot(*is_over, color=colour, linewidth=0.9, linestyle=":", alpha=0.7, zorder=2)
        has_more |= len(is_over[0]) > 1
        if network.neurons(name).kind.straight:
            breakpoints.update(time[_bends(time, potential, last)])
        if math.isfinite(spike):
            axes.plot(spike, at_last, "o", color=colour, markersize=5, markeredgecolor="white", zorder=4)
    _draw_thresholds(axes, network, list(dict.fromkeys(traces["layer"])))
    ticks: dict[str, Any] = {"color": INK, "markeredgewidth": 0.4, "transform": axes.get_xaxis_transform()}
    ticks["markersize"] = 9  # half of it is inside the Axes
    if breakpoints:
        axes.plot(sorted(breakpoints), np.zeros(len(breakpoints)), "|", label="breakpoints", **ticks)
    span = highest - lowest
    axes.set(xlim=(0, network.duration), ylim=(lowest - 0.1 * span, highest + 0.2 * span))
    axes.set(xlabel="time in the presentation (ms)", ylabel="potential")
    axes.set_title(f"presentation {traces['presentation'].iloc[0]}")
    handles, _ = axes.get_legend_handles_labels()
    if has_more:
        look: dict[str, Any] = {"color": FAINT, "linewidth": 0.9, "linestyle": ":"}
        handles.append(Line2D([], [], label="without effect:\nspike or window over", **look))
    anchor: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    axes.legend(handles=handles, title="layer:neuron", alignment="left", **anchor)


def _draw_thresholds(axes: Axes, network: Network, names: list[str]) -> None:
    """Draw threshold and onset of each layer. Layers with equal values share a line."""
    shared: dict[tuple[float, float, float], list[str]] = {}
    for name in names:
        shared.setdefault(_window(network, name), []).append(name)
    for (start, end, threshold), layers in shared.items():
        axes.plot([start, end], [threshold, threshold], color=INK, linewidth=0.9, linestyle="--", zorder=1)
        note_at(axes, ", ".join(layers), (end, threshold), (-2, 2), horizontalalignment="right", zorder=5)
        if start > 0:
            axes.axvline(start, color=FAINT, linewidth=0.7, linestyle=":", zorder=1)


def _choose(frame: DataFrame, network: Network, presentation: int | None) -> DataFrame:
    """Return the traces of one presentation."""
    traces, presentation = one_presentation(frame, presentation)
    if traces.empty:
        raise DataError(
            f"presentation {presentation}: has no potentials in the table; record some, or choose another one"
        )
    unknown = sorted(set(traces["layer"]) - {population.name for population in network.integrating})
    if unknown:
        raise DataError(f"table: has potentials of {', '.join(unknown)}, which {network.name} lacks; give its network")
    return traces


def _window(network: Network, name: str) -> tuple[float, float, float]:
    """Return onset (ms), end (ms) and threshold of a layer."""
    return *network.firing_window(name), network.neurons(name).threshold


def _bends(time: np.ndarray, potential: np.ndarray, last: float) -> np.ndarray:
    """Return where the slope changes before `last`: breakpoints of PSPs, the onset and the gate."""
    import numpy as np

    slope = np.diff(potential) / np.diff(time)
    change = np.abs(np.diff(slope, prepend=slope[:1], append=slope[-1:]))
    return (change > 1e-6 * np.abs(slope).max(initial=1e-300)) & (time < last)


def _spike(trace: DataFrame, network: Network, spikes: DataFrame | None) -> float:
    """Return the spike time of a trace (ms), or ``inf``."""
    from netsim.specification.grid import TOLERANCE

    first = trace.iloc[0]
    if spikes is not None:
        matching = spikes
        for column in ("presentation", "layer", "neuron"):
            matching = matching[matching[column] == first[column]]
        return float(matching["latency_ms"].iloc[0]) if len(matching) else math.inf
    start, end, threshold = _window(network, str(first["layer"]))
    time = trace["time_ms"].to_numpy()
    reached = (time >= start) & (time < end) & (trace["potential"].to_numpy() >= threshold * (1 - TOLERANCE))
    return float(time[reached.argmax()]) if reached.any() else math.inf


@Plot(
    "potentials",
    "potentials of chosen neurons in one presentation",
    order=30,
    width=FULL_WIDTH,
    presentations=1,
    choices=("index", "neuron"),
    section="A single presentation",
    rank=50,
    title="Potentials",
    caption=(
        "The first output neurons to fire in presentation {index}, and the label's neuron. Dashed: threshold while the"
        " neurons can fire; dotted upright: onset; disc: spike, after which the dotted potential has no effect; ticks"
        " at the bottom: breakpoints, where a postsynaptic potential changes its slope (without leak)."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    from netsim.spikes.table import potential_table

    spikes = source.presentation(choice.index, choice.neurons or _earliest_outputs(source, choice.index))
    index = int(spikes.indices[0])
    chosen = [each for each in spikes.potentials if each.presentation == 0]
    table = potential_table(chosen, [index])
    shown = {"network": source.network, "spikes": spikes.table(), "presentation": index}
    return choice.drawn(table, potential_figure, 2.6, **shown)


def _earliest_outputs(source: Source, index: int) -> list[Recorded]:
    """Return the first three output neurons to fire and the label's neuron, or else neuron 0."""
    import numpy as np

    from netsim.engines import Recorded
    from netsim.spikes.labels import UNLABELLED

    outputs = source.presentation(index).outputs[0]
    first = [neuron for neuron in np.argsort(outputs, kind="stable").tolist() if np.isfinite(outputs[neuron])][:3]
    labelled = [] if source.labels is None or source.labels[index] == UNLABELLED else [int(source.labels[index])]
    return [Recorded(source.network.output.name, neuron) for neuron in dict.fromkeys(first + labelled or [0])]
