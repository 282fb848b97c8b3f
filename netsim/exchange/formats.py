"""What a file format is; their modules import what they need when it is first used, for help lists them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.errors import DataError, nearest
from netsim.registry import Registry
from netsim.reprs import short_repr

if TYPE_CHECKING:
    from netsim.specification import Network
    from netsim.spikes import Spikes
    from netsim.weights.layout import Weights


@dataclass(frozen=True)
class Format:
    """What formats of spikes and of networks have in common.

    Parameters
    ----------
    contents : str
        What such a file holds.
    suffixes : tuple of str
        How its name may end.
    write : callable
        Writes a file whose name and packages have been checked.
    read : callable, optional
        Reads one; not all formats are read.
    packages : tuple of str
        What must be installed for it.
    order : int
        Where help texts list it; of two formats with one suffix the first is read.
    """

    contents: str
    suffixes: tuple[str, ...]
    write: Callable[..., None]
    read: Callable[..., Any] | None = None
    packages: tuple[str, ...] = ()
    order: int = 100

    @property
    def summary(self) -> str:
        """What help says of it."""
        return f"{self.contents} ({', '.join(self.suffixes)})"


@dataclass(frozen=True)
class SpikeFormat(Format):
    """A format of spikes.

    It has ``write(spikes, path, layers, record)``, as `netsim.exchange.export`, and ``read(path, layer, shape)``,
    as `netsim.exchange.read_layer`, where no layer is that of the stimuli.

    Parameters
    ----------
    beside : callable
        The files that are written beside one of this name.
    read_spikes : callable, optional
        Reads all layers of a file, as `netsim.exchange.read_spikes`; not all formats have it.
    """

    beside: Callable[[Path], Sequence[Path]] = lambda path: ()
    read_spikes: Callable[[Path], Spikes] | None = None


@dataclass(frozen=True)
class NetworkFormat(Format):
    """A format of networks with their weights.

    It has ``write(network, weights, path, record)``, as `netsim.exchange.export`, and ``read(path)``, as
    `netsim.exchange.import_network`.

    Parameters
    ----------
    title : str
        What messages call it.
    without_primitive : callable
        What of a network other tools will not see in the file, in words.
    unread : str
        What they make of the file therefore, and what helps.
    """

    title: str = "the format"
    without_primitive: Callable[[Network], Sequence[str]] = lambda network: ()
    unread: str = "other tools will not see them"


@dataclass(frozen=True, eq=False)
class Imported:
    """A network from a file."""

    network: Network
    weights: Weights  # those that feed forward, float64
    record: dict[str, Any] = field(default_factory=dict)  # what the export was told; empty from another tool
    assumed: tuple[str, ...] = ()  # what the file does not say

    __repr__ = short_repr


def format_to_write(name: str, path: Path, *seams: Registry[Any]) -> Any:
    """The format of a name in one of the seams, if a file may be called so and all that it needs is installed."""
    seam = next((seam for seam in seams if name in seam), None)
    if seam is None:
        raise DataError(f"format {name!r}: is not known{nearest(name, (known for seam in seams for known in seam))}")
    chosen = seam[name]
    if not path.name.endswith(chosen.suffixes):
        ends = " or ".join(f"*{suffix}" for suffix in chosen.suffixes)
        raise DataError(f"{path}: a file of the format {name} is called {ends}")
    _check_packages(seam, name, path)
    return chosen


def format_of(path: Path, seam: Registry[Any]) -> str:
    """Return the name of the first format whose files end like this one; a DataError if there is none."""
    for name, known in seam.items():
        if path.name.endswith(known.suffixes):
            return name
    suffixes = ", ".join(dict.fromkeys(suffix for known in seam.values() for suffix in known.suffixes))
    raise DataError(f"{path}: no {seam.seam} has this suffix; choose one of {suffixes}")


def reader(path: Path, seam: Registry[Any], any_name: bool = False, what: str = "read") -> Any:
    """The function that reads a file, by the suffix of its name or, for any name, of the first format that is read.

    `what` is the field of the format that holds the function.
    """
    for name, known in seam.items():
        function = getattr(known, what)
        if function is not None and (any_name or path.name.endswith(known.suffixes)):
            _check_packages(seam, name, path)
            return function
    return None


def _check_packages(seam: Registry[Any], name: str, path: Path) -> None:
    missing = [package for package in seam[name].packages if find_spec(package) is None]
    if missing:
        install = "'netsim-snn[exchange]'" if seam.is_own(name) else " ".join(missing)
        raise DataError(f"{path}: the format {name} needs {' and '.join(missing)}; pip install {install}")
