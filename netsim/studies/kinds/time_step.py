"""Time grids compared with exact times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.studies.study import SimulationStudy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from netsim.studies.runner import Row, StudyRunner


def _finish(axes: Axes, disturbed: pd.DataFrame, measure: str) -> None:
    axes.set_xscale("log", base=2)
    if measure == "latency_difference_ms":
        levels = sorted(disturbed["level"].unique())
        axes.plot(levels, levels, color="0.6", linewidth=1.0, label="one time step", zorder=1)
        axes.set_ylabel("latency error (ms)")
        axes.set_yscale("log")


@SimulationStudy(
    "time-step",
    "the same network on a time grid, compared with exact times (level: time step in ms)",
    "time step (ms)",
    (1 / 256, 1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4),
    in_windows=True,
    random=False,
    is_grid=True,
    panels=("same_decisions", "latency_difference_ms"),
    ticks_at_levels=True,
    finish=_finish,
    order=110,
)
def time_steps(runner: StudyRunner) -> list[Row]:
    """Simulate on a time grid for each level, a time step (ms), and compare with exact times of the event engine."""
    from netsim.engines import make_engine

    exact = runner.present(make_engine("event", runner.network))
    rows = [runner.row(exact, exact)]
    for level in runner.plan.levels:
        rows.append(runner.row(runner.present(runner.engine_at(level)), exact, "disturbed", level))
    return rows
