"""What a data set has to say of itself to be asked for by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netsim.data.dataset import Dataset
    from netsim.data.places import Place
    from netsim.specification import Encoder

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much (0 if unknown)."""


def ignore_progress(what: str, done: int, total: int) -> None:
    """The `OnProgress` that does nothing."""


class Source(ABC):
    """A data set that is asked for by its name, or a family of them with names of a common form.

    An instance is registered in `netsim.seams.datasets`. Commands import its module to show their help, so that heavy
    libraries are imported in the methods. Names are as the user wrote them.

    Attributes
    ----------
    notation : str
        What the user writes: the name, or the form of the names.
    summary : str
        What it holds, in a few words.
    order : int
        Where it stands in lists; those of the same number are sorted by name.
    family : bool
        Whether there are several of them, which are not listed one by one.
    fetched : bool
        Whether `fetch` downloads it.
    """

    notation: str
    summary: str
    order: int = 100
    family: bool = False
    fetched: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.notation!r}: {self.summary})"

    def claims(self, name: str) -> bool:
        """Whether a name is that of this data set, or of one of the family."""
        return name == self.notation

    def names(self) -> Sequence[str]:
        """The names that there are, to find what a user may have meant."""
        return [] if self.family else [self.notation]

    def lasting_name(self, name: str) -> str:
        """The name by which the data set is found from another folder too."""
        return name

    @abstractmethod
    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Read it; parameters and errors are those of `netsim.data.loading.load_dataset`."""

    def load_as_needed(self, name: str, data_dir: str | Path | None, encoder: Encoder | None) -> Dataset:
        """As `load`; samples that take long to make are made when they are asked for, where that is possible."""
        return self.load(name, data_dir, encoder, ignore_progress)

    @abstractmethod
    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Where it is looked for, in order, and whether it is there; see `netsim.data.loading.where`.

        Empty for one that needs no files, as it is computed.
        """

    def remedy(self, name: str) -> str:
        """What to do if it is not there."""
        return "get it with --fetch or point --data-dir to it" if self.fetched else "point --data-dir to it"

    def not_fetched(self, name: str) -> str:
        """Why it cannot be downloaded, if there is more to say than that."""
        return ""

    def fetch(self, name: str, folder: Path, mirrors: Sequence[str] | None, on_progress: OnProgress) -> None:
        """Download it into a folder; parameters and errors are those of `netsim.data.loading.fetch`."""
        raise NotImplementedError
