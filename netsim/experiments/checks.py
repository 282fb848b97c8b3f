"""Check what the methods of an experiment return. Each message names the method and what it must return."""

from __future__ import annotations

import json
import math
import reprlib
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from netsim.errors import NetsimError, RunError
from netsim.experiments.experiment import Condition, Control, Experiment, Outcome, Results, Row, Unit, Verdict
from netsim.specification.checks import require

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_KINDS: dict[str, Any] = {"word": str, "truth value": bool, "number": (int, float)}


@contextmanager
def in_one_line(experiment: Experiment, where: str, remedy: str = "") -> Iterator[None]:
    """Turn an error of another library into a RunError with the line of the experiment's file."""
    try:
        yield
    except (NetsimError, MemoryError):
        raise
    except Exception as error:
        frames, module = [*traceback.walk_tb(error.__traceback__)], type(experiment).__module__
        frame, line = ([each for each in frames if each[0].f_globals.get("__name__") == module] or frames)[-1]
        cause = f"{type(error).__name__}: {error}; {Path(frame.f_code.co_filename).name}, line {line}"
        raise RunError(f"{experiment.name}: failed {where} ({cause}){remedy}") from error


def check_description(experiment: Experiment) -> None:
    """Raise SpecificationError unless an experiment has the texts and controls of its page."""
    name = experiment.name
    for key, text in (("question", experiment.question), ("caption", experiment.caption())):
        require(isinstance(text, str), f"{name}: {key}", f"must be text, not {_shown(text)}")
    _check_texts(f"{name}: references", experiment.references)
    for method in ("model", "protocol", "caveats"):
        _check_texts(f"{name}: {method}", getattr(experiment, method)())
    fits = isinstance(experiment.controls, list | tuple) and all(
        isinstance(own, Control) for own in experiment.controls
    )
    require(fits, f"{name}: controls", f"must be a tuple of Control, not {_shown(experiment.controls)}")


def conditions_of(experiment: Experiment) -> list[Condition]:
    """Return the conditions of an experiment. Raise SpecificationError unless they are distinct."""
    where = f"{experiment.name}: conditions"
    conditions = _records(where, experiment.conditions(), "condition")
    for number, condition in enumerate(conditions):
        require("seed" not in condition, where, "must not contain 'seed'; rename it")
        require(condition not in conditions[:number], where, f"contains {condition} twice; remove one")
    check_columns(where, conditions, {})
    return conditions


def rows_of(experiment: Experiment, unit: Unit) -> list[Row]:
    """Measure a unit. Return its rows as read back from JSON. Raise SpecificationError unless they fit a table."""
    where = f"{experiment.name}: measure, at {unit}"
    with in_one_line(experiment, f"at {unit}"):
        rows = _records(where, experiment.measure(unit), "row")
    for row in rows:
        for key, value in {**unit.condition, "seed": unit.seed}.items():
            differs = f"returned the row entry {key!r} = {row.get(key)!r}, but its condition is {value!r}; rename it"
            require(row.get(key, value) == value, where, differs)
    return rows


def check_columns(where: str, rows: Sequence[Mapping[str, Any]], columns: dict[str, str]) -> None:
    """Raise SpecificationError if a column mixes kinds, which Parquet rejects. Add the kinds of new `columns`."""
    for row in rows:
        for key, value in row.items():
            if value is not None:
                kind = next((name for name, types in _KINDS.items() if isinstance(value, types)), "list")
                mixed = f"{key!r} is a {kind} here and a {columns.get(key)} elsewhere; return the same kind everywhere"
                require(columns.setdefault(key, kind) == kind, where, mixed)


def verdict_of(experiment: Experiment, table: pd.DataFrame) -> Verdict:
    """Return the verdict. Raise SpecificationError unless it is an outcome with a reason."""
    verdict = _called(experiment, "verdict", table)
    fits = isinstance(verdict, Verdict) and isinstance(verdict.reason, str) and verdict.outcome in get_args(Outcome)
    outcomes = ", ".join(map(repr, get_args(Outcome)))
    must = f"must return Verdict(outcome, reason) with an outcome of {outcomes}, not {_shown(verdict)}"
    require(fits, f"{experiment.name}: verdict", must)
    return verdict


def figure_of(experiment: Experiment, table: pd.DataFrame) -> Figure:
    """Return the figure. Raise SpecificationError if it is none."""
    from matplotlib.figure import Figure

    figure = _called(experiment, "draw", table)
    must = f"must return a matplotlib Figure, not {_shown(figure)}"
    require(isinstance(figure, Figure), f"{experiment.name}: draw", must)
    return figure


def results_of(experiment: Experiment, table: pd.DataFrame) -> Results:
    """Return the summary of the table. Raise SpecificationError unless its rows fit its headings."""
    results, where = _called(experiment, "results", table), f"{experiment.name}: results"
    require(isinstance(results, Results), where, f"must return Results(headings, rows), not {_shown(results)}")
    _check_texts(where, results.headings)
    for row in results.rows:
        _check_texts(where, row, len(results.headings))
    return results


def compared_of(experiment: Experiment, table: pd.DataFrame, verdict: Verdict) -> Sequence[str]:
    """Return our values. Raise SpecificationError unless there is one for each control."""
    own = type(experiment).compared is not Experiment.compared
    compared = _called(experiment, "compared", table) if own else verdict.compared
    _check_texts(f"{experiment.name}: compared", compared, len(experiment.controls))
    return compared


def _called(experiment: Experiment, method: str, table: pd.DataFrame) -> Any:
    with in_one_line(experiment, f"in {method}", "; correct it, and continue with --resume if it has a folder"):
        return getattr(experiment, method)(table)


def _records(where: str, found: Any, noun: str) -> list[dict[str, Any]]:
    """Return conditions or rows as read back from JSON."""
    found = list(found) if isinstance(found, Iterator) else found
    fits = isinstance(found, list | tuple) and found and all(isinstance(each, Mapping) for each in found)
    must = f"must return a list of at least one {noun}, each a dict, not {_shown(found)}"
    require(bool(fits), where, must)
    records = [{key: _plain(where, key, value) for key, value in each.items()} for each in found]
    read: list[dict[str, Any]] = json.loads(json.dumps(records))
    return read


def _plain(where: str, key: Any, value: Any) -> Any:
    """Return a value of a condition or row as Python's own type."""
    require(isinstance(key, str), where, f"must have words as keys, not {_shown(key)}")
    value = value.item() if isinstance(value, np.generic) else value
    kinds = f"must be a number, a word, a truth value or None, not {_shown(value)}"
    require(value is None or isinstance(value, str | bool | int | float), where, f"{key!r} {kinds}")
    finite = not isinstance(value, float) or math.isfinite(value)
    require(finite, where, f"{key!r} must be finite, not {value}; return None for a missing value")
    return value


def _check_texts(where: str, texts: Sequence[str], count: int | None = None) -> None:
    fits = isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts)
    number = "" if count is None else f"{count} "
    require(fits and count in (None, len(texts)), where, f"must be a list of {number}texts, not {_shown(texts)}")


def _shown(value: Any) -> str:
    return reprlib.repr(value)
