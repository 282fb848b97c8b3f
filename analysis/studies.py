"""Studies: their table, and figures of the effect of disturbances on decisions."""

import os
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, PercentFormatter
from scipy.special import stdtrit

from netsim.analysis.frames import require
from netsim.analysis.gallery import Choice
from netsim.analysis.members import members_of, named_twice
from netsim.analysis.networks import include_stimuli
from netsim.analysis.shape import draws
from netsim.analysis.style import COLUMN_WIDTH, FAINT, Palette, colours, in_legend, inches, note_at, theme
from netsim.data.stimuli import Stimuli
from netsim.engines import make_engine
from netsim.errors import DataError, SpecificationError
from netsim.models.presets import preset_names
from netsim.presenting.batches import Distribution, serial
from netsim.presenting.workers import Workers, distribution_of
from netsim.runs.model import Model, Subject, open_model, stimuli_for
from netsim.seams import studies
from netsim.specification.checks import limit_in
from netsim.spikes import Progress, no_progress
from netsim.studies.plans import Plan, make_plan
from netsim.studies.runner import EngineAt, StudyRunner
from netsim.studies.study import Study
from netsim.weights.transfer import weights_sha256

_SHARES = {
    "strict_accuracy": "accuracy",
    "accuracy": "accuracy, ties broken",
    "same_decisions": "same decision",
    "tie_rate": "ties",
    "silent_rate": "no output spike",
}
_TIMES = {
    "mean_decision_latency_ms": "decision latency (ms)",
    "right_latency_ms": "decision latency if right (ms)",
    "wrong_latency_ms": "decision latency if wrong (ms)",
    "latency_difference_ms": "mean absolute change of latency (ms)",
}
_CHANGES = {"accuracy_change": "change of accuracy (fraction)", "latency_change_ms": "mean change of latency (ms)"}
_MEASURES = _SHARES | _TIMES | _CHANGES
_ABSOLUTE_ROUNDING = 1e-12
"""Largest half-width of an interval of equal values that were rounded differently, in the unit of the measure."""
_PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0}
"""Background of a text that may lie over a curve."""


def study(
    model: Subject | Sequence[Subject],
    name: str,
    levels: Sequence[float] | None = None,
    seeds: Sequence[int] = range(5),
    *,
    stimuli: Stimuli | None = None,
    limit: int | None = None,
    layers: Sequence[str] | None = None,
    engine: str | None = None,
    workers: Workers = None,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """Disturb a network, its stimuli or its simulation, and measure the effect on its decisions.

    Parameters
    ----------
    model : Model, Network, str or Path
        A model, or the name of a run, preset, TOML file or sweep; or a sequence of these. Of several networks the table
        has the rows of each, with the columns ``network`` and, for a sweep of several settings, ``group``.
    name : str
        A name in `netsim.seams.studies`.
    levels : sequence of float, optional
        Strengths of the disturbance; the default depends on the study.
    seeds : sequence of int
        Seeds of all draws.
    stimuli : Stimuli, optional
        By default the test stimuli of the model's data set.
    limit : int, optional
        Present only the first stimuli.
    layers : sequence of str, optional
        Disturb only this layer, one curve each; ``all`` disturbs all layers together, as by default.
    engine : str, optional
        Name of the engine; by default the engine of the network's ``training``. Each engine uses the time grid of
        ``training``.
    workers : int, str or Distribution, optional
        As in `netsim.present`.
    progress : callable
        Called with (done, total).

    Returns
    -------
    pandas.DataFrame
        As from `study_table`. `study_panels` draws it.

    Raises
    ------
    SpecificationError
        If `model` or `stimuli` have the wrong type, the study does not exist, a level or seed is out of bounds, or a
        layer does not exist or does not suit the study.
    DataError
        If there are no stimuli, or a stimulus has no label.
    RunError
        If the model was trained with an engine object.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.study("digits", "lesion-neurons", levels=[0.5], seeds=[0], limit=20)
    >>> table["condition"].tolist()
    ['undisturbed', 'disturbed']
    """
    chosen, limit = [], limit_in(limit)
    for member, label, group in members_of_subjects(model):
        opened = open_model(member)
        if engine is None:
            opened.check_engine()
        plan = make_plan(opened.network, name, levels, seeds, layers)
        shown = stimuli_for(opened, stimuli, limit)
        engine_at = partial(make_engine, engine or opened.network.training.engine, opened.network)
        chosen.append(StudyOfNetwork(opened, plan, shown, engine_at, label, group))
    with distribution_of(workers) as distribution:
        frames = run_studies(chosen, progress, distribution)
    return join_networks(frames) if len(frames) > 1 else frames[0].drop(columns=["network", "group"])


class StudyOfNetwork(NamedTuple):
    """A network, its stimuli, and how they are disturbed. `name` and `group` go into the table."""

    model: Model
    plan: Plan
    stimuli: Stimuli
    engine_at: EngineAt
    name: str
    group: str


def run_studies(
    chosen: Sequence[StudyOfNetwork], progress: Progress = no_progress, distribution: Distribution = serial
) -> list[pd.DataFrame]:
    """Run the study of each network, and return a table of each, with the columns ``network`` and ``group``."""
    counts = [each.plan.passes * len(each.stimuli) for each in chosen]
    runners = []
    for number, (model, plan, stimuli, engine_at, _, _) in enumerate(chosen):
        if len(chosen) > 1 and studies[plan.study].reads_once and not plan.levels:
            own = "has other levels in each network by default; give the same levels to all, such as times in ms"
            raise SpecificationError(plan.study, own)
        advance = after(progress, sum(counts[:number]), sum(counts))
        runners.append(StudyRunner(plan, model, stimuli, engine_at, advance, distribution))
        runners[-1].check()  # before the first network is presented
    tables = [study_table(runner.run()) for runner in runners]
    return [of_network(table, each.name, each.group) for table, each in zip(tables, chosen, strict=True)]


def members_of_subjects(subjects: Subject | Sequence[Subject]) -> list[tuple[Subject, str, str]]:
    """Return each network of one or several subjects, with its name and the settings of its sweep in one line.

    Models without a run are named after their network and a checksum of their weights, because equal weights are one
    network.
    """
    given = list(subjects) if isinstance(subjects, Sequence) and not isinstance(subjects, str) else [subjects]
    if not given:
        raise SpecificationError("model", "is an empty list; give at least one")
    members: list[tuple[Subject, str, str]] = []
    for number, subject in enumerate(given):
        if isinstance(subject, str | Path):
            name = str(subject)
            if isinstance(subject, Path) and name in preset_names():  # a path never names a preset
                name = os.path.join(os.curdir, name)
            members += [(each.name, each.name, each.settings) for each in members_of([name])]
            continue
        network, run = (subject.network, subject.run) if isinstance(subject, Model) else (subject, None)
        name = getattr(network, "name", type(subject).__name__)
        if len(given) > 1:
            name += f"-{weights_sha256(subject.weights)[:6] if isinstance(subject, Model) else number}"
        members.append((subject, str(run.path) if run else name, ""))
    if twice := named_twice([name for _, name, _ in members]):
        raise DataError(f"{twice}: is given twice; a network counts once")
    return members


def of_network(table: pd.DataFrame, name: str, group: str) -> pd.DataFrame:
    """Add the columns ``network`` and ``group`` to the table of one network, so that several can be joined."""
    if taken := [column for column in ("network", "group") if column in table]:
        raise DataError(f"table: has a column {taken[0]} of its own, so networks cannot be told apart; rename it")
    return table.assign(network=name, group=group)


def join_networks(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join tables of several networks, with the columns ``network`` and, if there are several, ``group`` in front."""
    table = pd.concat(frames, ignore_index=True)
    front = ["network", *(["group"] if table["group"].nunique() > 1 else [])]
    table = table[[*front, *(name for name in table if name not in ("network", "group"))]]
    if {"kind", "condition", "level", "low", "high"} <= set(table):  # a study: its interval is over networks
        table = _with_interval(table.drop(columns=["low", "high"]))
    return table


def part_of(progress: Progress, number: int, count: int) -> Progress:
    """Return the progress of one of several equal parts."""
    return lambda done, total: progress(number * total + done, count * total)


def after(progress: Progress, before: int, total: int) -> Progress:
    """Return the progress of a part that begins after `before` of all presentations."""
    return lambda done, _: progress(before + done, total)


def study_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Tabulate the results of a study, one row per condition, level and seed.

    Parameters
    ----------
    rows : sequence of dict
        As from `netsim.studies.runner.StudyRunner`.

    Returns
    -------
    pandas.DataFrame
        With the columns

        ========================  ===========  =============================================================
        kind                      str          name of the study
        condition                 categorical  ``undisturbed``, ``disturbed`` or ``control``
        layer                     str          disturbed layer, or ``all``; missing if the study does not concern
                                               layers
        level                     float64      strength of the disturbance, in the unit of the study; missing in
                                               the row ``undisturbed``
        seed                      Int64        seed of the draws; missing if nothing is drawn
        presentations             int64        number of stimuli
        accuracy                  float64      fraction; a tie goes to the lowest neuron
        strict_accuracy           float64      fraction; a tie is an error
        low, high                 float64      95 % confidence interval of the mean strict accuracy over the
                                               rows of the same condition, layer and level, for other draws or
                                               networks and other stimuli, see `study_figure`
        tie_rate                  float64      fraction of presentations with several first output spikes
        silent_rate               float64      fraction of presentations without an output spike
        mean_decision_latency_ms  float64      latency of the first output spike (ms); missing if there was none
        right_latency_ms          float64      mean decision latency of right decisions (ms); a tie is an error
        wrong_latency_ms          float64      mean decision latency of wrong decisions (ms)
        accuracy_change           float64      strict accuracy minus that of the undisturbed network
        same_decisions            float64      fraction with the decision of the undisturbed network; for
                                               ``time-step``, of the network with exact times;
                                               a tie differs from a decision without one
        latency_difference_ms     float64      mean absolute difference of the decision latency from the
                                               undisturbed network (ms), if both decide
        latency_change_ms         float64      mean change of the decision latency (ms), if both decide;
                                               negative if decisions are earlier
        ========================  ===========  =============================================================

    Examples
    --------
    >>> import netsim
    >>> table = netsim.study("digits", "weight-noise", levels=[0.5], seeds=[0, 1], limit=40)
    >>> list(table.columns)[:4]
    ['kind', 'condition', 'layer', 'level']
    """
    types: dict[str, Any] = {
        "kind": "str",
        "condition": pd.CategoricalDtype(["undisturbed", "disturbed", "control"]),
        "layer": "object",
        "seed": "Int64",
        "presentations": "int64",
        **dict.fromkeys(("level", *_TIMES, "latency_change_ms"), "float64"),
    }
    frame = pd.DataFrame(list(rows))
    return _with_interval(frame.astype({name: kind for name, kind in types.items() if name in frame}))


def _with_interval(frame: pd.DataFrame) -> pd.DataFrame:
    """Insert the confidence interval after the strict accuracy. Rows that differ only in the seed share it."""
    bounds = pd.DataFrame(np.nan, frame.index, ["low", "high"])
    by = [name for name in ("group", "kind", "condition", "layer", "level") if name in frame]
    for _, rows in frame.groupby(by, dropna=False, observed=True):
        summary = _summary(rows.fillna({"level": 0.0}), "strict_accuracy")
        bounds.loc[rows.index] = summary[["low", "high"]].to_numpy()
    behind = list(frame).index("strict_accuracy") + 1
    for name in ("high", "low"):
        frame.insert(behind, name, bounds[name])
    return frame


@draws("study", ("kind", "condition", "layer", "level", "presentations"), height=2.1)
def study_figure(axes: Axes, frame: pd.DataFrame, measure: str = "strict_accuracy") -> None:
    """Draw a measure against the level of disturbance, one curve per choice of layers.

    A curve is the mean over seeds. Its band is the 95 % confidence interval (Student's t). The band of a fraction also
    includes other stimuli: the Wilson interval of the presentations is added in quadrature. Bands of times and changes
    hold for these stimuli. With several networks, the curve is the mean and the band the interval over networks, and
    groups of a sweep have a curve each. The dotted line is the undisturbed network, the dashed line is the control.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of one study, as from `study_table`.
    measure : str
        Column to draw.

    Raises
    ------
    DataError
        If the table is not a study table, contains several studies, or lacks the measure.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.study("digits", "weight-noise", levels=[0.0, 0.5], seeds=[0, 1], limit=40)
    >>> ax = netsim.analysis.study_figure(table)
    >>> ax.get_xlabel()
    'SD of noise / SD of weights'
    """
    if measure not in _MEASURES:
        raise DataError(f"measure {measure!r}: cannot be drawn; choose one of {', '.join(_MEASURES)}")
    require(frame, (measure,), "study")
    study = _study_of(frame)
    # a table read from a file has a numeric column if no layer is named
    layers = frame["layer"].astype(object).where(frame["layer"].notna(), "")
    if "group" in frame:
        layers = frame["group"].astype(str) + layers.map(lambda layer: f", {layer}" if layer else "")
    named = frame.assign(layer=layers)
    disturbed, control = (named[named["condition"] == condition] for condition in ("disturbed", "control"))
    if disturbed.empty:
        raise DataError("table: has no disturbed presentations; a study table with at least one level is needed")
    curves = list(disturbed["layer"].unique())
    for curve, colour in zip(curves, colours(len(curves)), strict=True):
        summary = _summary(disturbed[disturbed["layer"] == curve], measure)
        levels, label = summary["level"], in_legend(curve) if len(curves) > 1 else study.label
        axes.fill_between(levels, summary["low"], summary["high"], color=colour, alpha=0.25, linewidth=0, zorder=2)
        mark: dict[str, Any] = {"markersize": 3.5, "markeredgecolor": "white", "markeredgewidth": 0.5}
        mark |= {"color": colour, "linewidth": 1.4, "label": label, "zorder": 3}
        axes.plot(levels, summary["mean"], study.marker + "-", **mark)
        if len(summary) == 1:  # a band has no width
            axes.vlines(levels, summary["low"], summary["high"], color=colour, linewidth=1.0, zorder=2)
        equal = _summary(control[control["layer"] == curve], measure)
        if len(equal):
            label = study.control if curve == curves[-1] else ""
            axes.plot(equal["level"], equal["mean"], "--", color="0.45", linewidth=1.0, label=label, zorder=2)
    _mark_undisturbed(axes, frame, measure, study.rises)
    axes.set(xlabel=study.level, ylabel=textwrap.fill(_MEASURES[measure], 20))
    if study.finish is not None:
        study.finish(axes, disturbed, measure)
    if study.is_fraction:
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    if study.ticks_at_levels:
        axes.xaxis.set_major_locator(FixedLocator(sorted(disturbed["level"].unique())))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    if disturbed["level"].nunique() == 1:
        axes.set_xticks(disturbed["level"].unique())
    if measure in _SHARES:
        low, high = axes.get_ylim()
        # a smaller range would exaggerate small differences
        axes.set_ylim(0.0 if low < 0.4 else min(low, high - 0.05), min(high, 1.02))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))  # whole percents
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="best", borderpad=0.2)


def study_panels(frame: pd.DataFrame, width: float | str = COLUMN_WIDTH, palette: Palette = None) -> Figure:
    """Draw the measures that matter in a study, one above the other.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of one study, as from `study_table`.
    width : float or str
        Width of the figure in inches, ``"column"`` (85 mm) or ``"page"`` (180 mm).
    palette : str or sequence of colours, optional
        As for `netsim.analysis.theme`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the table is not a study table, or contains several studies.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.study("digits", "weight-noise", levels=[0.0, 0.5], seeds=[0, 1], limit=40)
    >>> figure = netsim.analysis.study_panels(table)
    >>> len(figure.axes)
    2
    """
    require(frame, ("kind", "condition"), "study")
    measures = _study_of(frame).panels
    figure, panels = Choice(width=inches(width), palette=palette).new_figure(0.5 + 1.8 * len(measures), len(measures))
    named: list[str] = []
    for measure, axes in zip(measures, panels, strict=True):
        with theme(palette):
            study_figure(frame, measure, axes)
        labels = axes.get_legend_handles_labels()[1]
        if labels and labels == named:
            axes.legend().remove()
        named = labels
    for axes in panels[:-1]:
        axes.set_xlabel("")
    return figure


def _study_of(frame: pd.DataFrame) -> Study:
    """Return the study of a table."""
    names = frame["kind"].unique()
    if len(names) > 1 or names[0] not in studies:
        raise DataError(f"table: contains {', '.join(map(str, names))}; a table of one kind of study is needed")
    return studies[names[0]]


def _summary(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return mean and bounds of a measure at each level."""
    presentations = int(rows["presentations"].max() if len(rows) else 1)
    several = "network" in rows and rows["network"].nunique() > 1
    if several:  # each network counts once
        rows = rows.groupby(["level", "network"], observed=True)[measure].mean().reset_index()
    groups = rows.groupby("level")[measure]
    summary = pd.DataFrame({"mean": groups.mean(), "count": groups.count()})
    half = stdtrit(summary["count"].clip(lower=2) - 1, 0.975) * groups.std() / np.sqrt(summary["count"])
    summary["low"] = (summary["mean"] - half).clip(lower=0.0 if measure in _TIMES else -np.inf)
    summary["high"] = summary["mean"] + half
    if measure in _SHARES:
        summary["low"], summary["high"] = include_stimuli(
            summary["mean"], half if several else half.fillna(0.0), presentations
        )
    if several or measure not in _SHARES:  # equal values say nothing about other networks
        summary.loc[half <= _ABSOLUTE_ROUNDING, ["low", "high"]] = np.nan
    return summary.reset_index()


def _mark_undisturbed(axes: Axes, frame: pd.DataFrame, measure: str, rises: bool) -> None:
    """Draw a line at the undisturbed accuracy, labelled on the side away from the curve."""
    if measure not in ("strict_accuracy", "accuracy"):
        return
    side = 0 if rises else 1
    value = float(frame.loc[frame["condition"] == "undisturbed", measure].mean())
    axes.axhline(value, color=FAINT, linewidth=0.6, linestyle=":", zorder=0)
    anchor = {"xycoords": axes.get_yaxis_transform(), "horizontalalignment": ("left", "right")[side]}
    looks = {"fontsize": 6.5, "bbox": _PAPER, "zorder": 4, **anchor}
    note_at(axes, f"undisturbed {value:.2%}", (side, value), (2 - 2 * side, 2.5), **looks)
