"""Learning curves: errors and fractions of silent neurons over the epochs of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import colours, in_legend, legend_above
from netsim.errors import DataError

if TYPE_CHECKING:
    import numpy as np

_SILENT = "silent_"


@draws("metrics", ("epoch", "training_strict_accuracy"), of="metrics_table", height=2.2)
def learning_curves(axes: Axes, frame: DataFrame) -> None:
    """Draw the errors of training and validation over epochs. Ties are errors.

    The training error is measured during training, with dropout and augmentation. The axis is logarithmic down to the
    smallest positive error, and linear from there to 0. A disc marks the best epoch by validation. Without validation
    only the training error is drawn.

    Raises
    ------
    DataError
        If the table does not contain metrics.

    Examples
    --------
    >>> import netsim
    >>> run = netsim.train("digits", "runs/curves", limit=100).run
    >>> ax = netsim.analysis.learning_curves(netsim.analysis.metrics_table(run.metrics))
    >>> ax.get_xlabel()
    'epoch'
    """
    import numpy as np
    from matplotlib.ticker import FuncFormatter

    from netsim.analysis.learning_tables import best_epoch

    validated = "validation_strict_accuracy" in frame
    looks = {"training": "0.6"} | ({"validation": colours(1)[0]} if validated else {})
    epoch = frame["epoch"].to_numpy()
    errors: list[np.ndarray] = []
    for part, colour in looks.items():
        error = 100 * np.round(1 - frame[f"{part}_strict_accuracy"].to_numpy(), 12)
        errors.append(error)
        axes.plot(epoch, error, color=colour, linewidth=1.4, marker="." if len(epoch) == 1 else "", label=part)
    if validated:
        best = best_epoch(frame)
        disc: dict[str, Any] = {"markersize": 4.5, "color": colour, "markeredgecolor": "white", "clip_on": False}
        axes.plot(epoch[best], error[best], "o", label=f"best: {error.min():.2f}% in epoch {epoch[best]}", **disc)
    every = np.concatenate(errors)
    least_error, linear = float(every[every > 0].min(initial=100.0)), 0.0
    if (every == 0).any():
        linear = least_error  # ticks below it have no room for numbers
        axes.set_yscale("symlog", linthresh=linear, linscale=0.35, subs=[2, 3, 4, 5, 6, 7, 8, 9])
        axes.set_ylim(bottom=-0.3 * least_error)  # keeps a curve at 0 visible above the axis
        decades = [power for power in 10.0 ** np.arange(-4, 3) if least_error <= power <= every.max()]
        axes.set_yticks([0, *(decades or [least_error])])
    else:
        axes.set_yscale("log")
        axes.set_ylim(top=min(axes.get_ylim()[1], 105.0))  # avoids an empty decade above a single value
    # with few decades the axis needs numbers between the powers of ten
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: _minor_number(value, *axes.get_ylim(), linear)))
    axes.tick_params(axis="y", which="minor", labelsize=axes.yaxis.get_ticklabels()[0].get_fontsize())
    axes.set_ylabel("error (%)")
    _epochs(axes, frame)
    axes.legend(loc="best", borderaxespad=0)


@draws("metrics", ("epoch",), of="metrics_table", height=2.2)
def silent_curves(axes: Axes, frame: DataFrame) -> None:
    """Draw the mean fraction of silent neurons of each layer over epochs.

    Raises
    ------
    DataError
        If the table lacks the columns ``silent_<layer>``.

    Examples
    --------
    >>> import netsim
    >>> run = netsim.train("digits", "runs/silent", limit=100).run
    >>> ax = netsim.analysis.silent_curves(netsim.analysis.metrics_table(run.metrics))
    >>> ax.get_xlabel()
    'epoch'
    """
    from matplotlib.ticker import PercentFormatter

    names = [str(column) for column in frame.columns if str(column).startswith(_SILENT)]
    if not names:
        raise DataError("table: lacks the columns silent_<layer>; a metrics table is needed")
    for position, (name, colour) in enumerate(zip(names, colours(len(names)), strict=True)):
        line, marker = ("-", "--")[position % 2], "." if len(frame) == 1 else ""
        look: dict[str, Any] = {"color": colour, "linestyle": line, "linewidth": 1.4, "marker": marker}
        axes.plot(frame["epoch"], frame[name], label=in_legend(name.removeprefix(_SILENT)), clip_on=False, **look)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set(ylim=(-0.04, 1.0), ylabel="silent neurons")  # a line at 0 does not lie on the axis
    _epochs(axes, frame)
    legend_above(axes, 0.0, 3, columnspacing=1.0)


def _epochs(axes: Axes, frame: DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    first, last = frame["epoch"].min(), frame["epoch"].max()
    axes.set_xlim(first - 0.5 * (first == last), last + 0.5 * (first == last))


def _minor_number(value: float, low: float, high: float, linear: float) -> str:
    """Format a minor tick: at 2 and 5, or at each tick if the limits span less than a factor of 5.

    Ticks below `linear`, in the linear range of the axis, have no number.
    """
    return f"{value:.3g}" if value >= linear and (high < 5 * low or f"{value:e}"[0] in "25") else ""


@Plot(
    "learning",
    "errors and silent fractions over the epochs of a run",
    order=80,
    presentations=0,
    of_training=True,
    section="Learning",
    rank=90,
    title="Learning curves",
    caption=(
        "Errors (ties included; in training with dropout and augmentation), and the mean fraction of neurons that stay"
        " silent in a training presentation."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    table = source.learning
    figure, (above, below) = choice.new_figure(4.2, rows=2)
    learning_curves(table, ax=above).set_xlabel("")
    silent_curves(table, ax=below)
    return Drawn(figure, table)
