"""The base class of experiments: a frozen dataclass of settings that lists and measures conditions.

Slow libraries are imported only when an experiment runs, so that listing experiments is fast.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from netsim.reprs import short_repr
from netsim.seams import experiments

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Condition = dict[str, Any]
"""Values of the independent variables, ready for JSON."""
Row = dict[str, Any]
"""A row of the table, ready for JSON. Missing values are None."""
Outcome = Literal["reproduced", "not reproduced", "beyond"]
LEAST_SEEDS = 5
"""Minimum number of seeds for a verdict, and the default."""


@dataclass(frozen=True)
class Control:
    """A published result to compare with.

    Parameters
    ----------
    quantity : str
        The compared quantity.
    value : str
        Its published value, with the unit.
    source : str
        Where it was published.
    read : bool
        Whether the value was read at its source. Otherwise it is recalled, and pages say so.
    """

    quantity: str
    value: str
    source: str
    read: bool


@dataclass(frozen=True)
class Verdict:
    """How the result compares with the published control, and why.

    Parameters
    ----------
    outcome : {"reproduced", "not reproduced", "beyond"}
    reason : str
        One or two sentences with the numbers.
    compared : sequence of str
        Our value of each control's quantity, in the order of the controls.
    """

    outcome: Outcome
    reason: str
    compared: Sequence[str] = ()


@dataclass(frozen=True)
class Results:
    """Headings and rows of text for the page. A heading that ends in ``>`` aligns its column right."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Unit:
    """One unit of work: a condition and a seed."""

    condition: Condition
    seed: int
    data_dir: str | None = field(default=None, compare=False)
    """Folder of the data set. It does not affect the result."""

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in {**self.condition, "seed": self.seed}.items())


def summarised(rows: Callable[[pd.DataFrame], Sequence[tuple[str, ...]]]) -> Any:
    """Return the method `Experiment.results`, from a function that turns the table into rows of text.

    The headings are in the section Result of the prose.
    """

    def results(experiment: Experiment, table: pd.DataFrame) -> Results:
        return Results(tuple(experiment.text("Result")), tuple(rows(table)))

    return results


@dataclass(frozen=True)
class Experiment(ABC):
    """A question, a plan, a table, a figure and a verdict. The fields of a subclass are its settings.

    A subclass defines four methods: `conditions`, `measure`, `draw` and `verdict`. Its prose is a Markdown file.
    Register it with ``netsim.seams.experiments.register(name)``. Settings are numbers, strings, booleans or tuples of
    these. `netsim.experiments.fields.setting` gives them bounds.

    Attributes
    ----------
    question : str
        One sentence.
    prose : Path
        Markdown file with the sections Model, Protocol, Result, Figure, Published control, Caveats and References.
        Names of settings and facts in braces are replaced by their values.
    results : callable
        The summary of the page, from `summarised`.
    facts : mapping
        Further values for the prose, such as constants. It is a property if they depend on settings.
    duration, quick_duration : str
        Measured on one core.
    order : int
        Sort key in lists.
    quick : mapping
        Settings of ``--quick`` that differ from the defaults.
    """

    question: ClassVar[str]
    summary: ClassVar[str]
    """The question, for lists in help texts."""
    prose: ClassVar[Path]
    duration: ClassVar[str] = "not measured"
    quick_duration: ClassVar[str] = "not measured"
    order: ClassVar[int] = 1000
    quick: ClassVar[Mapping[str, Any]] = {}

    __repr__ = short_repr

    def __post_init__(self) -> None:
        from netsim.experiments.fields import check_settings
        from netsim.specification.checks import check_types

        check_types(self, "")
        check_settings(self)
        self.check()

    def check(self) -> None:  # noqa: B027  most experiments need only the bounds of `setting`
        """Raise SpecificationError for settings that do not fit each other."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.summary = getattr(cls, "question", "")

    @property
    def name(self) -> str:
        """The name in the registry."""
        return experiments.name_of(type(self))

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by name, ready for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @property
    def facts(self) -> Mapping[str, Any]:
        """Values that the prose names besides the settings."""
        return {}

    @abstractmethod
    def conditions(self) -> Sequence[Condition]:
        """List the conditions. Each is measured with every seed."""

    @abstractmethod
    def measure(self, unit: Unit) -> list[Row]:
        """Measure one unit: a pure function of the settings, the condition and the seed."""

    @abstractmethod
    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw the table."""

    @abstractmethod
    def verdict(self, table: pd.DataFrame) -> Verdict:
        """Compare the table with the controls."""

    @abstractmethod
    def results(self, table: pd.DataFrame) -> Results:
        """Summarise the table with 95 % intervals over seeds. `summarised` makes this method."""

    def compared(self, table: pd.DataFrame) -> Sequence[str]:
        """Return our value of each control's quantity, in the order of `controls`."""
        return self.verdict(table).compared

    @property
    def controls(self) -> tuple[Control, ...]:
        """The published results to compare with."""
        from netsim.experiments.prose import cells

        rows = [cells(row) for row in self.text("Published control")]
        return tuple(Control(quantity, value, source, read == "yes") for quantity, value, source, read in rows)

    @property
    def references(self) -> tuple[str, ...]:
        """The references of the page."""
        return tuple(self.text("References"))

    def model(self) -> Sequence[str]:
        """Return the paragraphs that describe the network."""
        return self.text("Model")

    def protocol(self) -> Sequence[str]:
        """Return the paragraphs that describe what is measured and how the verdict is reached."""
        return self.text("Protocol")

    def caption(self) -> str:
        """Return the description of the figure."""
        return " ".join(self.text("Figure"))

    def caveats(self) -> Sequence[str]:
        """Return the limits of the experiment."""
        return self.text("Caveats") if hasattr(self, "prose") else ()

    def text(self, title: str) -> list[str]:
        """Return the parts of a section of the prose: paragraphs, list items, rows or headings."""
        from netsim.experiments.prose import section

        return section(self.prose, title, {**asdict(self), **self.facts})
