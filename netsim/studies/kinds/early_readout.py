"""Decisions before all output spikes have occurred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netsim.errors import DataError
from netsim.studies.study import SimulationStudy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from netsim.studies.runner import Row, StudyRunner


def _finish(axes: Axes, disturbed: pd.DataFrame, measure: str) -> None:
    if measure == "strict_accuracy":
        decided = 1 - disturbed.groupby("level")["silent_rate"].mean()
        axes.plot(decided.index, decided, color="0.6", linewidth=1.2, label="decided", zorder=1)


@SimulationStudy(
    "early-readout",
    "only output spikes up to a time count (level: time in ms)",
    "time of read-out (ms)",
    random=False,
    reads_once=True,
    panels=("strict_accuracy",),
    rises=True,
    marker="",
    label="decided, and rightly",
    finish=_finish,
    order=120,
)
def early_readout(runner: StudyRunner) -> list[Row]:
    """Decide from spikes up to each level, a time. The default is 30 times from the first to the last decision."""
    import numpy as np

    from netsim.measuring.metrics import decide

    outputs = runner.present(runner.engine_at(runner.network.training.dt))
    first = decide(outputs).latency
    fired = first[np.isfinite(first)]
    times: Sequence[float] = runner.plan.levels
    if not times:
        if not len(fired):
            raise DataError(
                "early-readout: no output fires, so no time of a read-out is known; give other stimuli or levels"
            )
        times = np.linspace(fired.min(), fired.max(), 30).tolist()
    rows = [runner.row(outputs, outputs)]
    for time in times:
        early = np.where(outputs <= time, outputs, np.inf)
        rows.append(runner.row(early, outputs, "disturbed", time))
    return rows
