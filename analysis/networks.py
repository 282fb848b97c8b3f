"""Statistics over networks: each network counts once, whatever the number of its rows, draws or presentations."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.analysis.shape import documented
from netsim.analysis.style import COLUMN_WIDTH, FAINT, Palette, colours, drawing, inches, plain
from netsim.errors import DataError, DataWarning, warn_user
from netsim.measuring.metrics import wilson_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_KEYS = (
    *("group", "strength_group", "condition", "layer", "level", "measure", "code"),
    *("pairs_of", "first", "second", "step", "time_ms", "label", "other"),
)
"""Columns that networks have in common, and that tell rows apart. Neurons and draws are averaged within a network."""
_NOT_MEASURED = {
    # integers, which a CSV file with missing values turns into floats
    *(*_KEYS, "neuron", "seed", "preferred", "patterns"),
    *("low", "high", "p", "p_corrected", "q", "chance", "end_ms", "bin_ms", "window_ms", "control_95", "effect"),
    *("pc1", "pc2", "pc3"),  # the sign of a principal component has no meaning
}
_BOUNDS = ("_low", "_high")
_MOST_ROWS = 24
SHARES = ("accuracy", "strict_accuracy", "tie_rate", "silent_rate", "same_decisions")
"""Columns that are fractions of presentations."""
RELATIVE_ROUNDING = 1e-12
"""Largest relative spread of equal values that were rounded differently."""


def over_networks(frame: pd.DataFrame) -> pd.DataFrame:
    """Summarise a table with several networks: means over networks with their intervals.

    Rows of neurons, units and draws are first averaged within each network. If a table has rows over all neurons or
    labels, only these rows count.

    Parameters
    ----------
    frame : pandas.DataFrame
        A table of `netsim.analyse` or `netsim.study` for several networks, with the column ``network``.

    Returns
    -------
    pandas.DataFrame
        With the key columns of the table, such as ``layer`` or ``level``, and

        ===========  =======  =====================================================================
        measure      str      column of the table
        networks     int64    number of networks with a value
        mean         float64  mean over networks
        sd           float64  standard deviation over networks; missing for one network
        low, high    float64  95 % confidence interval of the mean over networks (Student's t); missing
                              for one network, and if all networks have the same value
        ===========  =======  =====================================================================

    Raises
    ------
    DataError
        If the table has no column ``network``.

    Examples
    --------
    >>> import netsim
    >>> models = [netsim.load_model("digits", seed=seed) for seed in (0, 1, 2)]
    >>> table = netsim.study(models, "spike-deletion", levels=[0.5], seeds=[0], limit=20)
    >>> int(netsim.analysis.over_networks(table)["networks"].max())
    3
    """
    from scipy.special import stdtrit

    values, keys = long_table(frame)
    grouped = values.groupby([*keys, "of"], sort=False, dropna=False, observed=True)["value"]
    table = grouped.agg(networks="count", mean="mean", sd="std").reset_index()
    half = stdtrit(np.maximum(table["networks"], 2) - 1, 0.975) * table["sd"] / np.sqrt(table["networks"])
    half = half.where(half > RELATIVE_ROUNDING * table["mean"].abs())  # equal values say nothing about other networks
    is_share = table["of"].isin([*SHARES, "fired"])
    table["low"] = (table["mean"] - half).clip(lower=np.where(is_share, 0.0, -np.inf))
    table["high"] = (table["mean"] + half).clip(upper=np.where(is_share, 1.0, np.inf))
    return named(table)


def include_stimuli(mean: Any, half: Any, presentations: float) -> tuple[Any, Any]:
    """Return the bounds of a fraction that include other stimuli, from the half-width for the same stimuli.

    The half-widths add in quadrature to the parts of the Wilson interval on their side (Zou and Donner 2008, Stat Med
    27:1693-1702). So the result is never narrower than either interval.
    """
    low, high = wilson_interval(mean, presentations)
    return np.maximum(mean - np.hypot(half, mean - low), 0.0), np.minimum(mean + np.hypot(half, high - mean), 1.0)


def compare_networks(frame: pd.DataFrame, against: pd.DataFrame) -> pd.DataFrame:
    """Compare two groups of networks by the means of their tables.

    Parameters
    ----------
    frame, against : pandas.DataFrame
        Tables of the same analysis or study, each with the column ``network``.

    Returns
    -------
    pandas.DataFrame
        With the key columns of the tables, and

        =================  =======  ===============================================================
        measure            str      column of the tables
        networks           int64    number of networks in `frame`
        against_networks   int64    number of networks in `against`
        mean, against      float64  means over networks
        difference         float64  `mean` minus `against`
        low, high          float64  95 % confidence interval of the difference (Welch)
        effect             float64  Hedges' g: difference over the pooled SD, corrected for few networks
        p                  float64  two-sided, of Welch's t-test
        q                  float64  false discovery rate over all rows (Benjamini and Yekutieli)
        =================  =======  ===============================================================

        Intervals, effect and test need two networks in each group, and values that differ. Otherwise they are missing.

    Raises
    ------
    DataError
        If a table has no column ``network``, a network is in both groups, or the tables have no rows in common.

    Examples
    --------
    >>> import netsim
    >>> models = [netsim.load_model("digits", seed=seed) for seed in range(4)]
    >>> tables = [netsim.study(group, "spike-deletion", levels=[0.5], limit=20) for group in (models[:2], models[2:])]
    >>> netsim.analysis.compare_networks(*tables)["against_networks"].unique().tolist()
    [2]
    """
    import pandas as pd
    from scipy import stats

    for table in (frame, against):
        _check_networks(table)
    if both := sorted(set(frame["network"]) & set(against["network"])):
        raise DataError(f"{both[0]}: is in both groups; a network belongs to one of them")
    (values, keys), (others, other_keys) = map(long_table, _at_common_times(frame, against))
    by = [*(key for key in keys if key in other_keys), "of"]
    texts = [_joined(part[by]) for part in (values, others)]
    rows: list[dict[str, Any]] = []
    for text, part in values.groupby(texts[0], sort=False):
        first, second = part["value"].dropna().to_numpy(), others.loc[texts[1] == text, "value"].dropna().to_numpy()
        if not len(first) or not len(second):
            continue
        row = {key: part[key].iloc[0] for key in by} | {"networks": len(first), "against_networks": len(second)}
        row |= {"mean": first.mean(), "against": second.mean(), "difference": first.mean() - second.mean()}
        row |= dict.fromkeys(("low", "high", "effect", "p"), np.nan)
        spread = first.std(ddof=1) + second.std(ddof=1) if min(len(first), len(second)) > 1 else 0.0
        if spread > RELATIVE_ROUNDING * max(np.abs(first).max(), np.abs(second).max()):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # one of the groups may have equal values
                test = stats.ttest_ind(first, second, equal_var=False)
            interval = test.confidence_interval(0.95)
            row |= {"low": interval.low, "high": interval.high, "p": test.pvalue, "effect": _hedges(first, second)}
        rows.append(row)
    if not rows:
        raise DataError("table: both groups have no rows in common; compare tables of the same analysis")
    if lost := sorted(set(texts[0]) ^ set(texts[1])):
        only = f"{len(lost)} are in one group only, such as {lost[0]!r}, and are left out"
        warn_user(f"table: of {len(set(texts[0]) | set(texts[1]))} rows, {only}", DataWarning)
    table = pd.DataFrame(rows)
    table["q"], known = np.nan, table["p"].notna()
    if known.any():
        table.loc[known, "q"] = stats.false_discovery_control(table.loc[known, "p"], method="by")
    return named(table)


@documented
def networks_figure(
    frame: pd.DataFrame, ax: Axes | None = None, palette: Palette = None, width: float | str = 0.0
) -> Axes:
    """Draw means over networks, or differences of two groups, with their intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `over_networks` or `compare_networks`. Of several measures the first is drawn, of many rows the first.
    width : float or str
        Width of a new figure in inches, ``"column"`` (85 mm) or ``"page"`` (180 mm); 0 is a column.

    Examples
    --------
    >>> import netsim
    >>> models = [netsim.load_model("digits", seed=seed) for seed in (0, 1, 2)]
    >>> table = netsim.study(models, "spike-deletion", levels=[0.5], seeds=[0], limit=20)
    >>> ax = netsim.analysis.networks_figure(netsim.analysis.over_networks(table))
    >>> ax.get_xlabel()
    'mean over 3 networks: accuracy'
    """
    value = "difference" if "difference" in frame else "mean"
    measure = frame["measure"].iloc[0]
    rows = frame[frame["measure"] == measure]
    keys = [key for key in rows if key in _KEYS and key != "measure" and rows[key].nunique(dropna=False) > 1]
    across = next((key for key in ("time_ms", "level") if key in keys and rows[key].nunique() > 2), None)
    lines = [key for key in keys if key != across]
    names = _joined(rows[lines]) if lines else rows["measure"].astype(str)
    axis_label = f"{value} over {rows['networks'].max()} networks: {measure}"
    if value == "difference":
        axis_label = f"difference of {rows['networks'].max()} and {rows['against_networks'].max()} networks: {measure}"
    height = 2.4 if across else 0.8 + 0.17 * min(len(rows), _MOST_ROWS)
    with drawing(ax, inches(width) or COLUMN_WIDTH, height, palette) as axes:
        if across is None:
            shown = rows.head(_MOST_ROWS)
            places, colour = np.arange(len(shown)), colours(1)[0]
            axes.hlines(places, shown["low"], shown["high"], color=colour, linewidth=1.2)
            axes.plot(shown[value], places, "o", color=colour, markersize=4)
            axes.set_yticks(places, [plain(name) for name in names.head(_MOST_ROWS)])
            axes.set_ylim(len(shown) - 0.4, -0.6)
            axes.set_xlabel(axis_label)
        else:
            curves = list(dict.fromkeys(names))[:8]
            for name, colour in zip(curves, colours(len(curves)), strict=True):
                curve = rows[names == name].dropna(subset=[across])
                axes.fill_between(curve[across], curve["low"], curve["high"], color=colour, alpha=0.25, linewidth=0)
                axes.plot(curve[across], curve[value], "o-", color=colour, markersize=3, label=plain(name))
            axes.set(xlabel=across.replace("_ms", " (ms)"), ylabel=axis_label)
            if len(curves) > 1:
                axes.legend()
        if value == "difference":
            (axes.axvline if across is None else axes.axhline)(0, color=FAINT, linewidth=0.6, zorder=0)
    return axes


def long_table(frame: pd.DataFrame, draws: bool = False) -> tuple[pd.DataFrame, list[str]]:
    """Return one value per network, key and measure, and the names of the key columns.

    With `draws`, each draw (column ``seed``) has a value of its own.
    """
    _check_networks(frame)
    frame = _with_common_times(_over_all(frame))
    keys = _keys(frame)
    measures = [name for name in frame if _is_measure(frame, str(name))]
    of_draws = ["seed"] if draws and "seed" in frame else []
    long = frame.melt(["network", *of_draws, *keys], measures, var_name="of", value_name="value")
    by = ["network", *of_draws, *keys, "of"]
    means = long.groupby(by, sort=False, dropna=False, observed=True)["value"].mean().reset_index()
    return means, keys


def _check_networks(frame: pd.DataFrame) -> None:
    if "network" not in frame:
        raise DataError("table: lacks the column network; give several networks")


def _over_all(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows over all neurons and labels, if there are any, or else all rows."""
    for name in ("neuron", "label"):
        if name in frame and frame[name].isna().any():
            frame = frame[frame[name].isna()]
    return frame


def _keys(frame: pd.DataFrame) -> list[str]:
    """Return the names of the key columns."""
    from pandas.api.types import is_numeric_dtype

    keys = [key for key in _KEYS if key in frame and frame[key].notna().any()]
    # joins of a clustering have numbers, which mean other labels in each network
    return [key for key in keys if key not in ("first", "second") or not is_numeric_dtype(frame[key])]


def _at_common_times(frame: pd.DataFrame, against: pd.DataFrame) -> list[pd.DataFrame]:
    """Replace times that differ between the networks of two groups by their means."""
    import pandas as pd

    groups = [_over_all(each) for each in (frame, against)]
    both = _with_common_times(pd.concat(groups, ignore_index=True))
    return [both.iloc[: len(groups[0])], both.iloc[len(groups[0]) :]]


def _with_common_times(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace times that differ between networks by their means: the first times, the second times, and so on."""
    if "time_ms" not in frame or len({tuple(times) for _, times in frame.groupby("network")["time_ms"]}) == 1:
        return frame
    others = [key for key in _keys(frame) if key != "time_ms"]
    repetition = frame.groupby(["network", *others], dropna=False, observed=True).cumcount()
    by = [*(frame[key] for key in others), repetition]
    return frame.assign(time_ms=frame.groupby(by, dropna=False, observed=True)["time_ms"].transform("mean"))


def _is_measure(frame: pd.DataFrame, name: str) -> bool:
    return frame[name].dtype.kind == "f" and name not in _NOT_MEASURED and not name.endswith(_BOUNDS)


def _joined(frame: pd.DataFrame) -> pd.Series:
    """Return the values of each row as one text."""
    import pandas as pd

    texts = [", ".join(str(value) for value in row if not pd.isna(value)) for row in frame.itertuples(index=False)]
    return pd.Series(texts, index=frame.index, dtype="object")


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Name the column of measures, after a key of this name."""
    if "measure" in table:
        table["of"] = table["measure"].astype(str) + ": " + table["of"].astype(str)
        table = table.drop(columns="measure")
    return table.rename(columns={"of": "measure"})


def _hedges(first: np.ndarray, second: np.ndarray) -> float:
    freedom = len(first) + len(second) - 2
    pooled = ((len(first) - 1) * first.var(ddof=1) + (len(second) - 1) * second.var(ddof=1)) / freedom
    return float((first.mean() - second.mean()) / np.sqrt(pooled) * (1 - 3 / (4 * freedom - 1)))
