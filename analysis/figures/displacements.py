"""Displacement plot: actual against target latencies of output neurons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import COLUMN_WIDTH, FAINT, INK, colours, legend_above, note_at, plain
from netsim.errors import DataError

if TYPE_CHECKING:
    import numpy as np


_RASTERISE = 3000  # points above which SVG and PDF embed a bitmap


@draws("displacement", ("label", "neuron", "target_ms", "displacement_ms"), height=COLUMN_WIDTH)
def displacement_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw actual against target latencies of output neurons. On the diagonal nothing is left to learn.

    Filled marks are the label's neuron, open marks are the others. A silent neuron is drawn at the end of its window,
    as the learning rule counts it.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `displacement_table`. An additional column ``weights``, for example with ``initial`` and ``trained``,
        defines the colours.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> spikes = netsim.present("digits", limit=40)
    >>> ax = analysis.displacement_figure(analysis.displacement_table(spikes.network, spikes["output"], spikes.labels))
    >>> ax.get_xlabel()
    'actual latency (ms)'
    """
    import numpy as np
    from matplotlib.lines import Line2D

    target = frame["target_ms"].to_numpy()
    actual = target - frame["displacement_ms"].to_numpy()
    of_neuron = (frame["neuron"] == frame["label"]).to_numpy()
    stage = frame["weights"].astype(str).to_numpy() if "weights" in frame else np.full(len(frame), "")
    if not np.isfinite(target).all() or not np.isfinite(actual).all():
        raise DataError("table: has targets or displacements that are NaN or infinity; finite times are needed")
    stages = list(dict.fromkeys(stage))
    low, high = min(target.min(), actual.min()), max(target.max(), actual.max())
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color=FAINT, linewidth=0.7, linestyle="--", zorder=1)
    handles = []
    for position, (name, colour) in enumerate(zip(stages, reversed(colours(max(2, len(stages)))), strict=False)):
        text = f"{plain(name)}: " if name else ""
        for of_label, who in ((False, "other neurons"), (True, "label's neuron")):
            chosen = (stage == name) & (of_neuron == of_label)
            face, order = colour if of_label else "none", 2 + position + 0.5 * of_label
            mark: dict[str, Any] = {"linestyle": "", "marker": "o", "color": colour, "markerfacecolor": face}
            dots: dict[str, Any] = mark | {"markersize": 3, "markeredgewidth": 0.5, "alpha": 0.6, "zorder": order}
            axes.plot(actual[chosen], target[chosen], **dots, rasterized=chosen.sum() > _RASTERISE)
            handles.append(Line2D([], [], **mark, markersize=4, markeredgewidth=0.7, label=text + who))
        mean = np.abs(frame["displacement_ms"].to_numpy()[stage == name]).mean()
        mean_of = f"{text}mean |displacement| {mean:.2g} ms"
        anchor = {"xycoords": "axes fraction", "verticalalignment": "top"}
        note_at(axes, mean_of, (0, 1), (4, -2 - 9 * position), color=INK, **anchor)
    axes.set(xlim=limits, ylim=limits, aspect="equal", xlabel="actual latency (ms)", ylabel="target latency (ms)")
    legend_above(axes, -0.16, 2, handles=handles, handletextpad=0.1, columnspacing=0.8)


@Plot(
    "displacements",
    "actual and target latencies, before and after learning",
    order=60,
    presentations=200,
    section="Learning",
    rank=100,
    title="Displacements",
    caption=(
        "Actual against target latencies of the output neurons. On the diagonal nothing is left to learn."
        " {presentations}."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    import pandas as pd

    from netsim.analysis.learning_tables import displacement_table

    def make(latencies: Mapping[str, np.ndarray], labels: np.ndarray, chosen: np.ndarray) -> DataFrame:
        return displacement_table(source.network, latencies[source.network.output.name], labels, chosen)

    source.check_labels(choice.limit)
    table = source.table(make, choice.limit)
    before = source.initial() if source.initial else None
    if before is not None:
        initial = source.table(make, choice.limit, before)
        stages = [initial.assign(weights="initial"), table.assign(weights="trained")]
        table = pd.concat(stages, ignore_index=True)
    return choice.drawn(table, displacement_figure, min(choice.width, 5.0) * 1.1)
