"""Run an experiment, and write its table, figure, record and page."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.tables import experiment_table
from netsim.errors import SpecificationError
from netsim.experiments.checks import check_columns, check_description, conditions_of, figure_of, verdict_of
from netsim.experiments.execution import measured
from netsim.experiments.experiment import LEAST_SEEDS, Experiment, Row, Unit, Verdict
from netsim.experiments.folder import RECORD, ExperimentFolder
from netsim.experiments.page import make_page
from netsim.experiments.settings import make_experiment
from netsim.files import file_sha256, make_folder, write_together
from netsim.reporting.article import to_html, to_markdown
from netsim.runs.folder import describe_run, lock_folder
from netsim.specification.checks import path_in, require, whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

OnUnit = Callable[[int, int, str], None]
"""Called with (finished units, all units, last finished unit)."""
MOST_SEEDS = 1000


@dataclass(frozen=True, eq=False, repr=False)  # comparing tables yields no truth value
class ExperimentResult:
    """The result of an experiment.

    Attributes
    ----------
    experiment : Experiment
        With its settings.
    table : pandas.DataFrame
        One row per measurement, with the columns of the conditions and ``seed``.
    verdict : Verdict
        ``outcome`` and ``reason``.
    record : dict
        Settings, seeds, versions, revision and machine.
    page : str
        The page as Markdown.
    files : tuple of Path
        The written files.
    """

    experiment: Experiment
    table: pd.DataFrame
    verdict: Verdict
    record: Mapping[str, Any]
    page: str
    files: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        seeds = len(self.record["seeds"])
        return f"ExperimentResult({self.experiment.name!r}: {self.verdict.outcome}, {seeds} seeds)"

    def figure(self) -> Figure:
        """Return a new figure of the table. The caller closes it."""
        return self.experiment.draw(self.table)


def experiment(
    name: str,
    *,
    quick: bool = False,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    workers: int | str | None = None,
    data_dir: str | None = None,
    progress: OnUnit = lambda done, total, unit: None,
) -> ExperimentResult:
    """Run an experiment, and compare its result with a published control.

    Parameters
    ----------
    name : str
        One of `netsim.seams.experiments`.
    quick : bool
        Use settings that take minutes. They show the protocol, not the result.
    seeds : int, optional
        Number of seeds. The default is the number of the experiment, at least five. A resumed experiment keeps its
        number by default, and can have more.
    settings : mapping, optional
        Settings that differ from the defaults, such as ``{"depths": [2, 4]}``.
    out : str or Path, optional
        New folder for table, figure, record and page. By default no files are written.
    resume : bool
        Continue the experiment in the folder, if it exists.
    workers : int or str, optional
        Number of processes for the units, or the address of a Dask scheduler. The default is the current process.
        A program needs the guard ``if __name__ == "__main__":`` around the call.
    data_dir : str, optional
        Folder of the data set.
    progress : callable
        Called with (units done, all units, the unit that ended).

    Returns
    -------
    ExperimentResult
        With ``table``, ``figure()``, ``verdict`` and ``page``.

    Raises
    ------
    SpecificationError
        If the experiment or a setting does not exist, or a value does not fit. If a method of the experiment returns
        something else than it must.
    RunError
        If the folder exists already, or contains another experiment. If a unit, the verdict or the figure fails.
    DataError
        If the data set is not found.

    Examples
    --------
    >>> import netsim
    >>> small = {"afferents": 10, "epochs": 20, "loads": [0.5, 1.0], "windows": [100.0]}
    >>> small |= {"shapes": ["triangle"], "steps": [16.0]}
    >>> result = netsim.experiment("tempotron", quick=True, seeds=2, settings=small)
    >>> sorted(set(result.table["shape"])), result.verdict.outcome in ("reproduced", "not reproduced", "beyond")
    (['triangle'], True)
    """
    chosen = make_experiment(name, quick, settings)
    if resume and out is None:
        raise SpecificationError("resume", "needs out, the folder of the experiment to continue")
    folder = None if out is None else ExperimentFolder(path_in(out, "out"))
    begun = len(folder.seeds()) if folder and resume else 0
    count = begun or LEAST_SEEDS if seeds is None else whole(seeds, "seeds")
    require(count <= MOST_SEEDS, "seeds", f"must be at most {MOST_SEEDS}, not {count}")
    require(isinstance(workers, int | str | None), "workers", "must be a number of processes or an address")
    if isinstance(workers, int):
        whole(workers, "workers")
    data_folder = None if data_dir is None else str(path_in(data_dir, "data_dir").resolve())
    numbers = range(count)
    check_description(chosen)
    conditions = conditions_of(chosen)
    units = [Unit(dict(condition), seed, data_folder) for seed in numbers for condition in conditions]
    if folder is None:
        record = {"quick": quick, "settings": chosen.settings, "seeds": list(numbers), **describe_run(0)}
        rows = _measure(chosen, units, workers, progress, {}, lambda number, unit, rows: None)
        return _finish(chosen, experiment_table(rows), record)[0]
    folder.check(chosen, numbers, resume)
    make_folder(folder.path)
    with lock_folder(folder.path) as check_lock:
        folder.check(chosen, numbers, resume)
        kept = folder.kept(units)
        record = folder.begin(chosen, numbers, quick, len(kept), len(units))

        def keep(number: int, unit: Unit, rows: Sequence[Row]) -> None:
            check_lock()
            folder.keep(number, unit, rows)

        rows = _measure(chosen, units, workers, progress, kept, keep)
        check_lock()
        return _write(chosen, rows, record, folder)


def _measure(
    experiment: Experiment,
    units: Sequence[Unit],
    workers: int | str | None,
    progress: OnUnit,
    kept: Mapping[int, list[Row]],
    keep: Callable[[int, Unit, Sequence[Row]], None],
) -> list[Row]:
    """Return the rows of all units, in order. Units in `kept` are not measured again."""
    measured_rows = dict(kept)
    columns: dict[str, str] = {}
    for number, rows in kept.items():
        check_columns(f"{experiment.name}: measure, at {units[number]}", rows, columns)
    progress(len(measured_rows), len(units), "")
    ahead = [(number, unit) for number, unit in enumerate(units) if number not in measured_rows]
    for number, rows in measured(experiment, ahead, workers):
        check_columns(f"{experiment.name}: measure, at {units[number]}", rows, columns)
        keep(number, units[number], rows)
        measured_rows[number] = rows
        progress(len(measured_rows), len(units), str(units[number]))
    return [
        {**units[number].condition, "seed": units[number].seed, **row}
        for number in sorted(measured_rows)
        for row in measured_rows[number]
    ]


def _finish(
    experiment: Experiment, table: pd.DataFrame, record: Mapping[str, Any]
) -> tuple[ExperimentResult, str, bytes]:
    """Return the result, and its page as HTML and its figure as PNG."""
    import matplotlib.pyplot as plt

    verdict = _judged(experiment, table, record)
    figure = figure_of(experiment, table)
    try:
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=200)
    finally:
        plt.close(figure)
    article = make_page(experiment, table, verdict, record, f"{experiment.name}.png", picture.getvalue())
    result = ExperimentResult(experiment, table, verdict, record, to_markdown(article))
    return result, to_html(article), picture.getvalue()


def _judged(experiment: Experiment, table: pd.DataFrame, record: Mapping[str, Any]) -> Verdict:
    """Return the verdict. With too few seeds, nothing counts as reproduced. The reason says what is no evidence."""
    verdict = verdict_of(experiment, table)
    if record["quick"]:
        verdict = replace(verdict, reason=f"A quick run is no evidence. {verdict.reason}")
    if len(record["seeds"]) < LEAST_SEEDS:
        reason = f"Fewer than {LEAST_SEEDS} seeds are no evidence. {verdict.reason}"
        return replace(verdict, outcome="not reproduced", reason=reason)
    return verdict


def _write(
    experiment: Experiment, rows: Sequence[Row], record: dict[str, Any], folder: ExperimentFolder
) -> ExperimentResult:
    """Write all files of an experiment: the table before it is judged, and the record, with checksums, last."""
    from netsim.spikes.files import write_table

    table = experiment_table(rows)
    tables = ["results.csv", *(["results.parquet"] if find_spec("pyarrow") else [])]

    def fill_tables(hidden: Path) -> list[Path]:
        for name in tables:
            write_table(table, hidden / name)
        return [hidden / name for name in tables]

    files = write_together(folder.path, fill_tables)
    result, html, picture = _finish(experiment, table, record)

    def fill_page(hidden: Path) -> list[Path]:
        (hidden / f"{experiment.name}.png").write_bytes(picture)
        (hidden / "page.md").write_text(result.page, encoding="utf-8", newline="\n")
        (hidden / "page.html").write_text(html, encoding="utf-8", newline="\n")
        return [hidden / name for name in (f"{experiment.name}.png", "page.md", "page.html")]

    files += write_together(folder.path, fill_page)
    verdict = {"outcome": result.verdict.outcome, "reason": result.verdict.reason}
    record |= {"verdict": verdict, "sha256": {file.name: file_sha256(file) for file in files}}
    folder.write_record(record)
    return ExperimentResult(
        experiment, result.table, result.verdict, record, result.page, (*files, folder.path / RECORD)
    )
