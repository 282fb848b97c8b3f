"""A notebook of an experiment, to copy and change: settings, run, figure, verdict, and a variant of one's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from pprint import pformat
from typing import Any

from netsim.errors import RunError
from netsim.experiments.experiment import LEAST_SEEDS, Experiment
from netsim.files import make_folder, write_text

Cell = tuple[str, str]
"""Kind of a cell, ``markdown`` or ``code``, and its text."""
_TEMPLATE = Path(__file__).with_name("notebook.md")
"""The notebook in Markdown. A heading begins a cell, and each program is one."""


def notebook_cells(experiment: Experiment, quick: bool = False, seeds: int = LEAST_SEEDS) -> list[Cell]:
    """Return the cells of the notebook of an experiment, with its settings."""
    text = _TEMPLATE.read_text(encoding="utf-8").format(
        name=experiment.name,
        question=experiment.question,
        controls="\n".join(f"- {each.quantity}: {each.value} ({each.source})" for each in experiment.controls),
        protocol="\n\n".join((*experiment.model(), *experiment.protocol())),
        duration=experiment.duration,
        quick_duration=experiment.quick_duration,
        settings=pformat(experiment.settings, width=100, sort_dicts=False, compact=True),
        caption=experiment.caption(),
        quick=quick,
        seeds=seeds,
    )
    cells = []
    for number, part in enumerate(re.split(r"^```(?:python)?\n", text, flags=re.MULTILINE)):
        kind = "code" if number % 2 else "markdown"
        texts = [part] if kind == "code" else re.split(r"^(?=## )", part, flags=re.MULTILINE)
        cells += [(kind, each.strip()) for each in texts if each.strip()]
    return cells


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
