"""The prose of an experiment: a Markdown file, whose names in braces are settings and facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import netsim
from netsim.errors import SpecificationError
from netsim.experiments.experiment import Control, Experiment, Results, Verdict, summarised
from netsim.experiments.settings import make_experiment
from netsim.seams import experiments

TEXT = """## Model

A network of {size:,} neurons
in {layers[1]} layers.

It is small.

## Protocol

Its {thing} is counted.

## Result

| size | name | count |
|---:|---|:---:|

## Figure

A curve.

## Published control

| quantity | published | source | read at the source |
|---|---|---|---|
| count | {size} | a paper | yes |
| name | none | a book, recalled | no |

## References

- A paper,
  2025.
- A book.
"""


def _kind(path: Path) -> type[Experiment]:
    @dataclass(frozen=True)
    class Written(Experiment):
        question = "How many?"
        prose = path
        results = summarised(lambda table: [(str(len(table)), "all", "1")])
        facts = {"thing": "count"}  # noqa: RUF012
        size: int = 1000
        layers: tuple[int, ...] = (1, 2)

        def conditions(self) -> list[dict[str, Any]]:
            return [{"level": 1}]

        def measure(self, unit: Any) -> list[dict[str, Any]]:
            return [{"count": 3 + unit.seed}]

        def draw(self, table: Any) -> Any:
            return plt.figure()

        def verdict(self, table: Any) -> Verdict:
            return Verdict("reproduced", "As published.", [str(table["count"].max()), "all"])

    return Written


@pytest.fixture
def written(registered: Callable[..., None], tmp_path: Path) -> Callable[[str], Experiment]:
    def write(text: str) -> Experiment:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.md"
        path.write_text(text, encoding="utf-8")
        registered(experiments, "written", _kind(path))
        return make_experiment("written", given={"size": 2000})

    return write


def test_the_page_has_every_text_with_the_values_of_this_run(written: Callable[[str], Experiment]) -> None:
    made = written(TEXT)
    assert list(made.model()) == ["A network of 2,000 neurons in 2 layers.", "It is small."]
    assert list(made.protocol()) == ["Its count is counted."]
    assert (made.caption(), list(made.caveats())) == ("A curve.", [])
    assert made.controls == (
        Control("count", "2000", "a paper", True),
        Control("name", "none", "a book, recalled", False),
    )
    assert made.references == ("A paper, 2025.", "A book.")
    result = netsim.experiment("written", settings={"size": 2000})
    assert made.results(result.table) == Results(("size>", "name", "count>"), (("5", "all", "1"),))
    assert "| count | 2000 | 7 | a paper | yes |" in result.page
    assert "| name | none | all | a book, recalled | no, recalled |" in result.page


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{thing}", "{thin}", "Protocol: a text in braces is no setting and no fact of the experiment .*thin"),
        ("{layers[1]}", "{layers[2]}", "Model: a text in braces is no setting and no fact"),
        ("## Figure", "## Figures", "has an unknown section 'Figures'; use Model, Protocol, Result"),
        ("## Protocol\n\nIts {thing} is counted.\n", "", "has no section '## Protocol'; write it"),
        ("| a paper | yes |", "| yes |", "Published control: needs four cells in each row, not 'count | {size} | yes'"),
    ],
)
def test_a_fault_of_the_prose_is_told(written: Callable[[str], Experiment], old: str, new: str, message: str) -> None:
    made = written(TEXT.replace(old, new))
    with pytest.raises(SpecificationError, match=message):
        netsim.experiment(made.name)


def test_a_missing_file_is_told(registered: Callable[..., None], tmp_path: Path) -> None:
    registered(experiments, "written", _kind(tmp_path / "none.md"))
    with pytest.raises(SpecificationError, match=r"none\.md: cannot be read \(No such file or directory\); write"):
        netsim.experiment("written")
