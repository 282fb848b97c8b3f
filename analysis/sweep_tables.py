"""Tidy tables of a sweep: one row per run, and means over seeds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from netsim.errors import DataError
from netsim.spikes.files import read_exactly, table_text

_FIRST = {"run": "str", "status": "str", "seed": "int64"}
_FIGURES = {
    "epochs": "Int64",
    "best_epoch": "Int64",
    "validation_accuracy": "float64",
    "validation_strict_accuracy": "float64",
    "validation_loss": "float64",
    "seconds": "float64",
}


def sweep_table(keys: Sequence[str], ended: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Tabulate the runs of a sweep that have ended, one row per run.

    Parameters
    ----------
    keys : sequence of str
        The swept keys.
    ended : sequence of dict
        As from `netsim.sweeps.execution.ended_runs`; results may be missing.

    Returns
    -------
    pandas.DataFrame
        With the columns

        ============================  =======  ======================================================
        run                           str      name of the run's folder
        status                        str      ``finished`` or ``failed``
        seed                          int64
        <key>                                  a column for each swept key, as in the specification;
                                               lists and tables as JSON
        epochs, best_epoch            Int64    number of epochs, and the best by validation, counted
                                               from 1
        validation_accuracy           float64  fraction; a tie goes to the lowest neuron
        validation_strict_accuracy    float64  fraction; a tie is an error
        validation_loss               float64
        seconds                       float64  duration of training and validation (s)
        error                         str      message of a failed run
        ============================  =======  ======================================================

    Examples
    --------
    >>> from netsim import analysis
    >>> row = {"run": "0001", "status": "finished", "seed": 0, "learning.rate": 0.01}
    >>> analysis.sweep_table(["learning.rate"], [row])["learning.rate"].tolist()
    [0.01]
    """
    rows = [{name: json.dumps(v) if isinstance(v, list | dict) else v for name, v in run.items()} for run in ended]
    return pd.DataFrame(rows, columns=[*_FIRST, *keys, *_FIGURES, "error"]).astype(_FIRST | _FIGURES)


def read_sweep_table(path: str | Path) -> pd.DataFrame:
    """Read the table of a sweep.

    Parameters
    ----------
    path : str or Path
        ``results.csv`` in the folder of the sweep.

    Returns
    -------
    pandas.DataFrame
        As from `sweep_table`.

    Raises
    ------
    DataError
        If the file is missing or is not the table of a sweep.

    Examples
    --------
    >>> from netsim import analysis
    >>> row = {"run": "0001", "status": "finished", "seed": 0, "learning.rate": 0.01}
    >>> analysis.write_table(analysis.sweep_table(["learning.rate"], [row]), "results.csv")
    >>> analysis.read_sweep_table("results.csv")["learning.rate"].tolist()
    [0.01]
    """
    try:
        frame = read_exactly(table_text(path), dtype={"run": "str"})
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; a sweep writes it when the first run has ended") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is not a readable table ({error}); give the results.csv of a sweep") from error
    missing = {*_FIRST, *_FIGURES, "error"} - set(frame.columns)
    if missing:
        raise DataError(f"{path}: is not the table of a sweep; it has no column {min(missing)}; give results.csv")
    for name, kind in (_FIRST | _FIGURES).items():
        try:
            frame = frame.astype({name: kind})
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(
                f"{path}: is not the table of a sweep; {name} has a value that is not {kind}; correct it"
            ) from error
    return frame


def swept_keys(table: pd.DataFrame) -> list[str]:
    """Return the columns of a sweep's table that are swept keys."""
    return [str(name) for name in table.columns if name not in {*_FIRST, *_FIGURES, "error"}]


def sweep_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Average each combination of settings over its seeds. The best comes first.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `sweep_table` or `read_sweep_table`; failed runs are left out.

    Returns
    -------
    pandas.DataFrame
        With the swept keys as columns, and

        ============================  =======  ======================================================
        seeds                         int64    number of finished runs
        validation_accuracy           float64  mean
        validation_strict_accuracy    float64  mean
        sd                            float64  standard deviation of the strict accuracy over seeds;
                                               missing for a single seed
        best_run                      str      run with the best strict accuracy, then the lowest loss
        ============================  =======  ======================================================

    Examples
    --------
    >>> from netsim import analysis
    >>> run = {"status": "finished", "rate": 0.01, "validation_strict_accuracy": 0.9}
    >>> rows = [{"run": f"{seed}", "seed": seed, **run} for seed in (0, 1)]
    >>> analysis.sweep_summary(analysis.sweep_table(["rate"], rows))["rate"].tolist()
    [0.01]
    """
    settings = swept_keys(table)
    finished = table[table["status"] == "finished"].sort_values(
        ["validation_strict_accuracy", "validation_loss"], ascending=[False, True], kind="stable"
    )
    groups: Any = finished.groupby(settings or (lambda row: 0), sort=False, dropna=False)
    summary = groups.agg(
        seeds=("seed", "size"),
        validation_accuracy=("validation_accuracy", "mean"),
        validation_strict_accuracy=("validation_strict_accuracy", "mean"),
        sd=("validation_strict_accuracy", "std"),
        best_run=("run", "first"),
    ).reset_index(drop=not settings)
    return summary.sort_values("validation_strict_accuracy", ascending=False, kind="stable", ignore_index=True)
