"""The base class of experiments: a frozen dataclass of settings that lists and measures conditions.

Slow libraries are imported only when an experiment runs, so that listing experiments is fast.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
    """How the result compares with the published control, and why."""

    outcome: Outcome
    reason: str


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


@dataclass(frozen=True)
class Experiment(ABC):
    """A question, a plan, a table, a figure and a verdict. The fields of a subclass are its settings.

    Settings are numbers, strings, booleans or tuples of these. `netsim.experiments.fields.setting` gives them bounds.
    Register a subclass with
    ``netsim.seams.experiments.register(name)``.

    Attributes
    ----------
    question : str
        One sentence.
    duration, quick_duration : str
        Measured on one core.
    order : int
        Sort key in lists.
    quick : mapping
        Settings of ``--quick`` that differ from the defaults.
    controls : tuple of Control
    references : tuple of str
    """

    question: ClassVar[str]
    summary: ClassVar[str]
    """The question, for lists in help texts."""
    duration: ClassVar[str] = "not measured"
    quick_duration: ClassVar[str] = "not measured"
    order: ClassVar[int] = 1000
    quick: ClassVar[Mapping[str, Any]] = {}
    controls: ClassVar[tuple[Control, ...]]
    references: ClassVar[tuple[str, ...]]

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
    def results(self, table: pd.DataFrame) -> Results:
        """Summarise the table with 95 % intervals over seeds."""

    @abstractmethod
    def compared(self, table: pd.DataFrame) -> Sequence[str]:
        """Return our value of each control's quantity, in the order of `controls`."""

    @abstractmethod
    def verdict(self, table: pd.DataFrame) -> Verdict:
        """Compare the table with the controls."""

    @abstractmethod
    def model(self) -> Sequence[str]:
        """Describe the network: paragraphs for the page."""

    @abstractmethod
    def protocol(self) -> Sequence[str]:
        """Describe what is measured and how the verdict is reached: paragraphs for the page."""

    @abstractmethod
    def caption(self) -> str:
        """Describe the figure."""

    def caveats(self) -> Sequence[str]:
        """List the limits of the experiment for the page."""
        return ()
