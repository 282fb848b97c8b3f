"""A notebook of an experiment, to copy and change: settings, run, figure, verdict, and a variant of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from pprint import pformat
from typing import Any

from netsim.errors import RunError
from netsim.experiments.experiment import LEAST_SEEDS, Experiment
from netsim.files import make_folder, write_text

Cell = tuple[str, str]
"""Kind of a cell, ``markdown`` or ``code``, and its text."""
_RUN = """%matplotlib inline
import netsim

result = netsim.experiment("{name}", quick={quick}, settings=settings, seeds={seeds})
result"""
_VERDICT = """print(result.verdict.outcome)
print(result.verdict.reason)"""
_SOURCE = """import inspect

from netsim.seams import experiments

original = experiments["{name}"]
print(inspect.getsource(original.measure))"""
_VARIANT = '''from dataclasses import dataclass


@experiments.register("my-{name}")
@dataclass(frozen=True)
class Variant(original):
    """State what you changed."""

    def conditions(self):
        return list(super().conditions())[:2]

    def measure(self, unit):
        return super().measure(unit)


mine = netsim.experiment("my-{name}", quick={quick}, settings=settings, seeds=1)
mine.table.head()'''


def notebook_cells(experiment: Experiment, quick: bool = False, seeds: int = LEAST_SEEDS) -> list[Cell]:
    """Return the cells of the notebook of an experiment, with its settings."""
    name = experiment.name
    controls = "\n".join(f"- {each.quantity}: {each.value} ({each.source})" for each in experiment.controls)
    protocol = "\n\n".join((*experiment.model(), *experiment.protocol()))
    settings = pformat(experiment.settings, width=100, sort_dicts=False, compact=True)
    return [
        ("markdown", f"# {name}\n\n{experiment.question}\n\nPublished controls:\n\n{controls}"),
        ("markdown", f"## Model and protocol\n\n{protocol}"),
        (
            "markdown",
            "## Settings\n\nChange them here. With default values the experiment takes"
            f" {experiment.duration} on one core. With those of `--quick` it takes {experiment.quick_duration}. A run"
            " with `quick=True` shows the protocol, and its verdict is no evidence.",
        ),
        ("code", f"settings = {settings}"),
        ("markdown", "## Run\n\nAdd `out` and `resume=True` to keep each condition and seed in a folder."),
        ("code", _RUN.format(name=name, quick=quick, seeds=seeds)),
        ("markdown", f"## Result\n\n{experiment.caption()}"),
        ("code", "figure = result.figure()"),
        ("code", _VERDICT),
        ("code", "result.table.head()  # a pandas.DataFrame; result.page is the page in Markdown"),
        (
            "markdown",
            "## A variant of yours\n\nAn experiment is a class. `conditions` lists what is measured, and `measure`"
            " returns rows of the table for one condition and seed:",
        ),
        ("code", _SOURCE.format(name=name)),
        (
            "markdown",
            "Override what you want to change. This variant measures at most the first two conditions. Its figure and"
            " verdict may need all conditions.",
        ),
        ("code", _VARIANT.format(name=name, quick=quick)),
    ]


def write_notebook(experiment: Experiment, path: Path, quick: bool = False, seeds: int = LEAST_SEEDS) -> None:
    """Write the notebook of an experiment.

    Raises
    ------
    RunError
        If the file exists already, or its name does not end in ``.ipynb``.
    """
    if path.suffix != ".ipynb":
        raise RunError(f"{path}: is no name of a notebook; end it in .ipynb")
    if path.exists():
        raise RunError(f"{path}: exists already; choose another file for --notebook")
    make_folder(path.parent)
    write_text(
        path, json.dumps(_notebook(notebook_cells(experiment, quick, seeds)), indent=1, ensure_ascii=False) + "\n"
    )


def _notebook(cells: list[Cell]) -> dict[str, Any]:
    """Return cells in the format of Jupyter, version 4.5."""
    made: list[dict[str, Any]] = []
    for number, (kind, text) in enumerate(cells):
        more: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
        source = text.splitlines(keepends=True)
        made.append({"cell_type": kind, "id": f"cell-{number}", "metadata": {}, **more, "source": source})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
