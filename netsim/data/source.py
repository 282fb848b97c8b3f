"""Interface of data sets that are loaded by name."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netsim.data.places import Place, check_folder
from netsim.errors import DataError

if TYPE_CHECKING:
    from netsim.data.dataset import Dataset
    from netsim.specification import Encoder

OnProgress = Callable[[str, int, int], None]
"""Called with (task, done, total). The total is 0 if unknown."""


def ignore_progress(what: str, done: int, total: int) -> None:
    """No-op `OnProgress`."""


class Source(ABC):
    """A data set that is loaded by name, or a family of data sets with names of a common form.

    Register an instance in `netsim.seams.datasets`. Commands import the module to show their help, so import heavy
    libraries within the methods. Methods receive names as the user wrote them.

    Attributes
    ----------
    notation : str
        Name, or form of the names, that the user writes.
    summary : str
        Content, in a few words.
    order : int
        Position in lists. Ties are sorted by name.
    family : bool
        Whether this is a family, whose members are not listed individually.
    fetched : bool
        Whether `fetch` downloads the data set.
    """

    notation: str
    summary: str
    order: int = 100
    family: bool = False
    fetched: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.notation!r}: {self.summary})"

    def claims(self, name: str) -> bool:
        """True if a name refers to this data set, or to a member of the family."""
        return name == self.notation

    def names(self) -> Sequence[str]:
        """Return the known names, for suggestions after a typing mistake."""
        return [] if self.family else [self.notation]

    def lasting_name(self, name: str) -> str:
        """Return a name that also works from other folders."""
        return name

    @abstractmethod
    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Read the data set. See `netsim.data.loading.load_dataset` for parameters and errors."""

    def load_as_needed(self, name: str, data_dir: str | Path | None, encoder: Encoder | None) -> Dataset:
        """Read the data set, and convert samples when they are presented if possible."""
        return self.load(name, data_dir, encoder, ignore_progress)

    @abstractmethod
    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Return the searched folders, in order, and whether the data set is there.

        The list is empty for a data set that is computed. See `netsim.data.loading.where`.
        """

    def find(self, name: str, data_dir: str | Path | None, remedy: str = "") -> Path:
        """Return the first place with the data set. Raise DataError with a remedy if there is none."""
        check_folder(data_dir, name)
        places = self.places(name, data_dir)
        for place in places:
            if place.found:
                return place.path
        looked = ", ".join(f"{place.path} ({place.note})" if place.note else str(place.path) for place in places)
        raise DataError(f"{name}: not found in {looked}; {remedy or self.remedy(name)}")

    def remedy(self, name: str) -> str:
        """Return the remedy for a missing data set."""
        return "get it with --fetch or point --data-dir to it" if self.fetched else "point --data-dir to it"

    def not_fetched(self, name: str) -> str:
        """Return the reason why the data set cannot be downloaded, or an empty string."""
        return ""

    def fetch(self, name: str, folder: Path, mirrors: Sequence[str] | None, on_progress: OnProgress) -> None:
        """Download the data set into a folder. See `netsim.data.loading.fetch` for parameters and errors."""
        raise NotImplementedError


class Selection(NamedTuple):
    """The test samples: those with one of some values of a field, as in ``spoken-digits:speaker=jackson``."""

    field: str
    values: tuple[str, ...]


def split_name(name: str) -> tuple[str, Selection | None]:
    """Split ``NAME:field=value,value`` into name and selection. Other names have no selection."""
    match = re.fullmatch(r"(.+):(\w+)=([^/:]+)", name, re.DOTALL)
    if match is None:
        return name, None
    return match[1], Selection(match[2], tuple(match[3].split(",")))
