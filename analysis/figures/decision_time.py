"""Accuracy against decision time: the decisions of a network that is read out early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FAINT, colours, note_at, panel_above

if TYPE_CHECKING:
    import numpy as np

_HEIGHT = 2.8  # inches


@draws("decision", ("correct", "latency_ms"), of="decision_table", height=_HEIGHT)
def accuracy_over_time(axes: Axes, frame: DataFrame) -> None:
    """Draw the fractions of presentations that are decided correctly and wrongly at each time of read-out.

    A presentation is correct at ``t`` if its first output spike occurs by ``t`` and belongs to the label's neuron
    alone. Ties are errors. Bands are 95 % confidence intervals (Wilson). Errors are rare, so they have a panel and a
    scale of their own.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> spikes = netsim.present("digits", limit=40)
    >>> ax = analysis.accuracy_over_time(analysis.decision_table(spikes.network, spikes["output"], spikes.labels))
    >>> ax.get_xlabel()
    'time of read-out (ms)'
    """
    import numpy as np
    from matplotlib.ticker import PercentFormatter

    from netsim.measuring.metrics import wilson_interval

    count = len(frame)
    latencies = np.sort(frame["latency_ms"].dropna().to_numpy())
    right = np.sort(frame.loc[frame["correct"].astype(bool), "latency_ms"].to_numpy())
    span = float(np.ptp(latencies)) or 1.0 if len(latencies) else 1.0
    first, last = (latencies[0], latencies[-1]) if len(latencies) else (0.0, 1.0)
    times = np.concatenate([[first - 0.05 * span], np.unique(latencies), [last + 0.05 * span]])
    decided = np.searchsorted(latencies, times, side="right") / count
    correct = np.searchsorted(right, times, side="right") / count
    low, high = wilson_interval(correct, count)
    blue, *_, red = colours(4)
    axes.fill_between(times, low, high, step="post", color=blue, alpha=0.25, linewidth=0, zorder=1)
    axes.step(times, correct, where="post", color=blue, linewidth=1.4, label="decided correctly", zorder=3)
    axes.axhline(correct[-1], color=FAINT, linewidth=0.6, linestyle=":", zorder=0)
    note_at(axes, f"{correct[-1]:.2%}", (times[0], correct[-1]), (2, -2), verticalalignment="top")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set(xlim=(times[0], times[-1]), ylim=(0, 1.03))
    axes.set(xlabel="time of read-out (ms)", ylabel="decided correctly")
    if not len(latencies):
        axes.set_xticks([])
        note_at(axes, "no presentation is decided", (0.5, 0.5), (0, 0), horizontalalignment="center")
    _draw_errors(axes, times, decided - correct, count, red)


def _draw_errors(axes: Axes, times: np.ndarray, wrong: np.ndarray, count: int, colour: object) -> None:
    """Draw the fraction of wrong decisions into a panel above, with a scale of its own."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    from netsim.measuring.metrics import wilson_interval
    from netsim.specification.phrases import counted

    low, high = wilson_interval(wrong, count)
    errors = panel_above(axes, 0.6)
    look: dict[str, Any] = {"color": colour, "zorder": 2}
    errors.fill_between(times, low, high, step="post", alpha=0.2, linewidth=0, **look)
    errors.step(times, wrong, where="post", linewidth=1.4, label="decided wrongly", **look)
    errors.set_ylim(0, max(1.15 * float(high.max()), 1 / count))
    errors.yaxis.set_major_locator(MaxNLocator(3))
    errors.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    errors.set_ylabel("decided\nwrongly")
    errors.set_title(counted(count, "presentation"))


@Plot(
    "decision-time",
    "accuracy if the network is read out early",
    order=100,
    section="Decisions",
    rank=20,
    title="Accuracy against decision time",
    caption=(
        "Accuracy if the network is read out at a time t. A presentation is right if its first output spike came by t"
        " and is the label's alone. Bands are 95% confidence intervals. {presentations}."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    return choice.drawn(source.decisions(choice.limit), accuracy_over_time, _HEIGHT)
