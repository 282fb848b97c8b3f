"""Accuracy against decision time: the decisions of a network that is read out early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netsim.analysis.frames import require
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.style import COLUMN_WIDTH, FAINT, Palette, colours, drawing, legend_above, note_at

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


def accuracy_over_time(frame: pd.DataFrame, ax: Axes | None = None, palette: Palette = None) -> Axes:
    """Draw the fractions of presentations that are decided, and correctly decided, at each time of read-out.

    A presentation is correct at ``t`` if its first output spike occurs by ``t`` and belongs to the label's neuron
    alone. Ties are errors. The band is the 95 % confidence interval (Wilson). Both curves nearly coincide, because
    errors are rare. Their difference, the error, has a separate axis on the right.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `decision_table`.
    ax : matplotlib Axes, optional
        Axes to draw into; by default Axes of a new figure.
    palette : str or sequence of colours, optional
        As for `netsim.analysis.theme`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DataError
        If the table is not a decision table.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> engine = netsim.make_engine("event", model.network)
    >>> latencies = engine.present(netsim.Batch(test.latencies(range(40)), model.weights))
    >>> ax = analysis.accuracy_over_time(analysis.decision_table(model.network, latencies["output"], test.labels))
    >>> ax.get_xlabel()
    'time of read-out (ms)'
    """
    import numpy as np
    from matplotlib.ticker import PercentFormatter

    from netsim.measuring.metrics import wilson_interval

    require(frame, ("correct", "latency_ms"), "decision")
    count = len(frame)
    latencies = np.sort(frame["latency_ms"].dropna().to_numpy())
    right = np.sort(frame.loc[frame["correct"].astype(bool), "latency_ms"].to_numpy())
    span = float(np.ptp(latencies)) or 1.0 if len(latencies) else 1.0
    first, last = (latencies[0], latencies[-1]) if len(latencies) else (0.0, 1.0)
    times = np.concatenate([[first - 0.05 * span], np.unique(latencies), [last + 0.05 * span]])
    decided = np.searchsorted(latencies, times, side="right") / count
    correct = np.searchsorted(right, times, side="right") / count
    low, high = wilson_interval(correct, count)
    with drawing(ax, COLUMN_WIDTH, 2.3, palette) as axes:
        blue = colours(1)[0]
        axes.step(times, decided, where="post", color="0.6", linewidth=2.4, label="decided", zorder=2)
        axes.fill_between(times, low, high, step="post", color=blue, alpha=0.25, linewidth=0, zorder=1)
        axes.step(times, correct, where="post", color=blue, linewidth=1.4, label="decided, and rightly", zorder=3)
        axes.axhline(correct[-1], color=FAINT, linewidth=0.6, linestyle=":", zorder=0)
        note_at(axes, f"{correct[-1]:.2%}", (times[0], correct[-1]), (2, -2), verticalalignment="top")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set(xlim=(times[0], times[-1]), ylim=(0, 1.03))
        axes.set(xlabel="time of read-out (ms)", ylabel=f"share of {count:,} presentations")
        wrong = _draw_errors(axes, times, decided - correct, count, colours(2)[1])
        handles = [*axes.get_legend_handles_labels()[0], wrong]
        legend_above(axes, -0.1, 2, handles=handles, handlelength=1.4, columnspacing=1.0)
    return axes


def _draw_errors(axes: Axes, times: np.ndarray, wrong: np.ndarray, count: int, colour: object) -> Line2D:
    """Draw the fraction of wrong decisions on a second axis, and return its line for the legend."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    from netsim.measuring.metrics import wilson_interval

    low, high = wilson_interval(wrong, count)
    errors = axes.twinx()
    look: dict[str, Any] = {"color": colour, "zorder": 2}
    errors.fill_between(times, low, high, step="post", alpha=0.2, linewidth=0, **look)
    (line,) = errors.step(times, wrong, where="post", linestyle="--", linewidth=1.2, label="decided wrongly", **look)
    errors.set_ylim(0, max(1.15 * float(high.max()), 1 / count))
    errors.yaxis.set_major_locator(MaxNLocator(5))
    errors.yaxis.set_major_formatter(PercentFormatter(1.0))
    errors.set_ylabel("decided wrongly", color=colour)
    errors.tick_params(axis="y", colors=colour)
    errors.spines["right"].set(visible=True, color=colour)
    errors.spines["top"].set_visible(False)
    return line


@Plot(
    "decision-time",
    "accuracy if the network is read out early",
    order=100,
    section="Decisions",
    rank=20,
    title="Accuracy against decision time",
    caption=(
        "Accuracy if the network is read out at a time t. A presentation is right if its first output spike came by t"
        " and is the label's alone. Bands are 95% confidence intervals. {count:,} presentations."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    return choice.drawn(source.decisions(choice.limit), accuracy_over_time, 2.3)
