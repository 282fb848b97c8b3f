"""Reliability diagram: how often decisions of about equal confidence are correct."""

from __future__ import annotations

from typing import Any

from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FAINT, colours, legend_above, panel_above
from netsim.errors import DataError

_HEIGHT = 3.6  # inches
_FEW = 10  # presentations of a bin below which its accuracy is no evidence


@draws("decision", ("confidence", "correct"), of="decision_table", height=_HEIGHT)
def reliability_diagram(axes: Axes, decisions: DataFrame, bins: int = 15, sharpness: float | None = None) -> None:
    """Draw the accuracy of decisions against their confidence. Ties and silence are errors.

    Bars in the upper panel are fractions of presentations. Error bars are 95 % confidence intervals of the accuracy
    (Wilson). Bins of fewer than ten presentations are grey. On the diagonal, confidence equals accuracy. Above it the
    network is underconfident.

    Parameters
    ----------
    bins : int
        Number of bins, as for `calibration_table`.
    sharpness : float, optional
        Sharpness of the softmax behind the confidence, for the axis label.

    Raises
    ------
    DataError
        If the table is not a decision table, or lacks a confidence.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> decisions = netsim.analysis.Source.of(model).decisions(limit=40)
    >>> ax = netsim.analysis.reliability_diagram(decisions, sharpness=model.network.learning.sharpness)
    >>> ax.get_xlabel()
    'confidence, softmax of sharpness 4'
    """
    import numpy as np
    from matplotlib.ticker import PercentFormatter

    from netsim.analysis.decision_tables import calibration_table
    from netsim.measuring.metrics import wilson_interval
    from netsim.specification.phrases import counted

    table = calibration_table(decisions, bins)
    count = table["presentations"].to_numpy()
    confidence, accuracy = table["confidence"].to_numpy(), table["accuracy"].to_numpy()
    error = float(np.average(np.abs(accuracy - confidence), weights=count))
    bounds = [wilson_interval(share, each) for share, each in zip(accuracy, count, strict=True)]
    low, high = np.array(bounds).T
    blue = colours(1)[0]
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.6, linestyle=":", zorder=2)
    look: dict[str, Any] = {"markersize": 3.5, "elinewidth": 0.9, "clip_on": False, "zorder": 3, "fmt": "o"}
    spread = np.maximum([accuracy - low, high - accuracy], 0.0)
    many = count >= _FEW
    axes.errorbar(confidence[many], accuracy[many], spread[:, many], label="accuracy", color=blue, **look)
    if not many.all():  # so few are no evidence
        few: dict[str, Any] = {
            "color": "0.6",
            "markerfacecolor": "white",
            "label": f"of fewer than {_FEW} presentations",
        }
        axes.errorbar(confidence[~many], accuracy[~many], spread[:, ~many], **look, **few)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    named = "confidence" if sharpness is None else f"confidence, softmax of sharpness {sharpness:g}"
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=named, ylabel="accuracy")
    legend_above(axes, -0.05, 2, borderaxespad=0.6, columnspacing=1.0, handletextpad=0.2)
    shares = panel_above(axes, 0.5, gap=0.34)
    shares.bar(table["from"], count / count.sum(), 1 / bins, align="edge", color="0.7")
    shares.yaxis.set_major_formatter(PercentFormatter(1.0))
    shares.set_ylabel("share")
    shares.set_title(f"{counted(int(count.sum()), 'presentation')}\nexpected calibration error {error:.2%}")


@Plot(
    "calibration",
    "accuracy against the confidence of the decision",
    order=105,
    section="Decisions",
    rank=22,
    title="Calibration of the decision",
    caption=(
        "The confidence is that of a softmax over negative output latencies, with the sharpness of the training's"
        " targets. On the diagonal it equals the accuracy; above it the network is underconfident. Bars are shares of"
        " presentations, error bars 95% confidence intervals. {presentations}."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    learning = source.network.learning
    table = source.decisions(choice.limit)
    if table["confidence"].isna().all():
        raise DataError(f"calibration: needs targets with a confidence, such as softmax; not {learning.targets}")
    return choice.drawn(table, reliability_diagram, _HEIGHT, sharpness=learning.sharpness)
