"""File formats. Format modules import their packages on first use, because help texts list all formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

from netsim.errors import DataError, nearest
from netsim.registry import Registry
from netsim.reprs import short_repr

if TYPE_CHECKING:
    from netsim.specification import Network
    from netsim.spikes import Spikes
    from netsim.weights.layout import Weights


@dataclass(frozen=True)
class Format:
    """The common part of spike formats and network formats.

    Parameters
    ----------
    contents : str
        Contents of such a file, for help texts.
    suffixes : tuple of str
        Suffixes of file names.
    write : callable
        Function that writes a file. Name and packages are checked before the call.
    read : callable, optional
        Function that reads a file.
    packages : tuple of str
        Required packages, with their smallest version if it matters, such as ``nir>=1.0.8``.
    order : int
        Sort key of lists. Of several formats with a suffix, the first is read.
    """

    contents: str
    suffixes: tuple[str, ...]
    write: Callable[..., None]
    read: Callable[..., Any] | None = None
    packages: tuple[str, ...] = ()
    order: int = 100

    @property
    def summary(self) -> str:
        """Line for help texts."""
        return f"{self.contents} ({', '.join(self.suffixes)})"


@dataclass(frozen=True)
class SpikeFormat(Format):
    """A format of spikes.

    `write` takes (spikes, path, layers, record), as for `netsim.exchange.export`. `read` takes (path, layer, shape), as
    for `netsim.exchange.read_layer`.

    Parameters
    ----------
    beside : callable
        Function from the path to the additional files that `write` creates.
    read_spikes : callable, optional
        Function that reads all layers of a file, as `netsim.exchange.read_spikes`.
    """

    beside: Callable[[Path], Sequence[Path]] = lambda path: ()
    read_spikes: Callable[[Path], Spikes] | None = None


@dataclass(frozen=True)
class NetworkFormat(Format):
    """A format of networks with their weights.

    `write` takes (network, weights, path, record), as for `netsim.exchange.export`. `read` takes (path), as for
    `netsim.exchange.import_network`.

    Parameters
    ----------
    title : str
        Name of the format in messages.
    without_primitive : callable
        Function from a network to the names of its features that other tools do not read.
    unread : str
        Consequence for other tools, and the remedy.
    """

    title: str = "the format"
    without_primitive: Callable[[Network], Sequence[str]] = lambda network: ()
    unread: str = "other tools will not see them"


@dataclass(frozen=True, eq=False)
class Imported:
    """A network from a file.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Weights, biases and delays, float64.
    record : dict
        Provenance that `netsim.exchange.export` was given; empty for files of other tools.
    assumed : tuple of str
        Assumptions about a file of another tool.
    """

    network: Network
    weights: Weights
    record: dict[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

    __repr__ = short_repr


def format_to_write(name: str, path: Path, *seams: Registry[Any]) -> Any:
    """Return the format of this name, or raise DataError if it is unknown, the suffix is wrong or a package missing."""
    seam = next((seam for seam in seams if name in seam), None)
    if seam is None:
        raise DataError(f"format {name!r}: is not known{nearest(name, (known for seam in seams for known in seam))}")
    chosen = seam[name]
    if not path.name.endswith(chosen.suffixes):
        ends = " or ".join(f"*{suffix}" for suffix in chosen.suffixes)
        raise DataError(f"{path}: files of the format {name} are named {ends}; rename the file")
    _check_packages(seam, name, path)
    return chosen


def format_of(path: Path, *seams: Registry[Any]) -> str:
    """Return the name of the first format with this suffix, or raise DataError."""
    for name, known in (entry for seam in seams for entry in seam.items()):
        if path.name.endswith(known.suffixes):
            return str(name)
    suffixes = dict.fromkeys(suffix for seam in seams for known in seam.values() for suffix in known.suffixes)
    kinds = " or ".join(seam.seam for seam in seams)
    raise DataError(f"{path}: no {kinds} has this suffix; choose one of {', '.join(suffixes)}")


def reader(path: Path, seam: Registry[Any], any_name: bool = False, what: str = "read") -> Any:
    """Return the function that reads a file by its suffix, or None. With `any_name` the first format is returned.

    `what` is the attribute of the format with the function.
    """
    for name, known in seam.items():
        function = getattr(known, what)
        if function is not None and (any_name or path.name.endswith(known.suffixes)):
            _check_packages(seam, name, path)
            return function
    return None


def _check_packages(seam: Registry[Any], name: str, path: Path) -> None:
    needed = [Requirement(package) for package in seam[name].packages]
    missing = [each for each in needed if find_spec(each.name) is None]
    if missing:
        listed = " and ".join(map(str, missing))
        install = "'netsim-snn[exchange]'" if seam.is_own(name) else " ".join(map(str, missing))
        raise DataError(f"{path}: the format {name} needs {listed}; pip install {install}")
    for each in needed:
        if each.specifier and (installed := version(each.name)) not in each.specifier:
            raise DataError(f"{path}: the format {name} needs {each}, not {installed}; pip install '{each}'")
