"""Spikes in the file formats of other tools: out, and in again as stimuli; and networks, out and in again.

`KINDS` names the formats of spikes and `NETWORK_KINDS` those of networks; each has a module of its own with a function
``write`` and, where it can be read, a function ``read``. What they need is imported when it is first used, for it takes
seconds.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.errors import DataError

if TYPE_CHECKING:
    from netsim.exchange.nir_graphs import Imported
    from netsim.exchange.presentations import Presentations
    from netsim.measuring.simulation import Simulation
    from netsim.specification import Network, Shape
    from netsim.weights.layout import Weights

__all__ = [
    "KINDS",
    "NETWORK_KINDS",
    "Kind",
    "check_export",
    "export",
    "export_network",
    "import_network",
    "read_layer",
    "read_stimuli",
]


@dataclass(frozen=True)
class Kind:
    """One format.

    Attributes
    ----------
    summary : str
        What a file of this kind holds.
    suffixes : tuple of str
        How its name may end.
    module : str
        Name of the module in this package that writes and reads it.
    packages : tuple of str
        What must be installed for it.
    is_read : bool
        Whether stimuli can come from such a file.
    """

    summary: str
    suffixes: tuple[str, ...]
    module: str
    packages: tuple[str, ...] = ()
    is_read: bool = True


KINDS = {
    "nwb": Kind("Neurodata Without Borders: a unit a neuron, a trial a presentation", (".nwb",), "nwb", ("pynwb",)),
    "sonata": Kind("SONATA spikes: a population a layer", (".h5", ".hdf5"), "sonata", ("h5py",)),
    # not read: SciPy, which reads such files for Neo, can crash on a damaged one
    "neo": Kind("a Neo block in MATLAB's format, a segment a presentation", (".mat",), "neo_blocks", ("neo",), False),
    "csv": Kind("the spike table", (".csv", ".csv.gz"), "tables"),
    "parquet": Kind("the spike table", (".parquet",), "tables", ("pyarrow",)),
}
"""The formats of spikes by name, in the order in which help texts list them."""

NETWORK_KINDS = {
    "nir": Kind(
        "no spikes, but the network and its weights as a graph for other simulators", (".nir",), "nir_graphs", ("nir",)
    )
}
"""The formats of networks."""


def check_export(kind: str, path: Path) -> None:
    """Refuse, before anything is simulated, what `export` and `export_network` would refuse after it.

    Raises
    ------
    DataError
        If there is no such kind, the file's name has another suffix, or a package is missing.
    """
    _check(kind, path, KINDS | NETWORK_KINDS)


def export(
    kind: str,
    simulation: Simulation,
    path: str | Path,
    layers: Sequence[str] | None = None,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Write the spikes of a simulation; the file appears whole or not at all.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    simulation : Simulation
    path : str or Path
        Its suffix must be one of the kind's.
    layers : sequence of str, optional
        Only these layers, ``stimulus`` among them; by default all.
    record : mapping, optional
        What was simulated, ready for JSON; kept in the file where the format has a place for it.

    Raises
    ------
    DataError
        If there is no such kind, the suffix is another one, or a package is missing.
    SpecificationError
        If the network has no such layer.
    RunError
        If the file cannot be written.
    """
    path = Path(path)
    _check(kind, path, KINDS)
    _module(KINDS[kind]).write(simulation, path, layers, record)


def export_network(
    kind: str, network: Network, weights: Weights, path: str | Path, record: Mapping[str, Any] | None = None
) -> None:
    """Write a network with its weights; the file appears whole or not at all.

    Parameters
    ----------
    kind : str
        One of `NETWORK_KINDS`.
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    path : str or Path
        Its suffix must be one of the kind's.
    record : mapping, optional
        Where the weights come from, ready for JSON.

    Raises
    ------
    DataError
        If there is no such kind, the suffix is another one, a package is missing, or the weights are not the network's.
    RunError
        If the file cannot be written.
    """
    path = Path(path)
    _check(kind, path, NETWORK_KINDS)
    _module(NETWORK_KINDS[kind]).write(network, weights, path, record)


def import_network(path: str | Path) -> Imported:
    """Read a network with its weights from a NIR file, that `export_network` or another tool wrote.

    From a file of `export_network` comes the same network: its spikes are the same. Of another tool a chain of Conv2d,
    Affine or Linear, each followed by IF, is read, with SumPool2d between them; `Imported.assumed` tells what such a
    file does not say.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    DataError
        If the file is missing or damaged, holds another kind of graph, or a package is missing.
    SpecificationError
        If its network cannot be built.
    """
    path = Path(path)
    _check_packages("nir", path, NETWORK_KINDS["nir"])
    imported: Imported = _module(NETWORK_KINDS["nir"]).read(path)
    return imported


def read_layer(path: str | Path, layer: str, shape: Shape) -> Presentations:
    """Read the spikes of one layer from a file that `export` wrote.

    Parameters
    ----------
    path : str or Path
        Its suffix says of which kind it is.
    layer : str
    shape : tuple of int
        (height, width, channels), or (neurons,).

    Raises
    ------
    DataError
        If the file is missing, damaged or of no known kind, has no such layer or one of another shape, or a
        package is missing.
    """
    return _read(Path(path), layer, shape)


def read_stimuli(path: str | Path, shape: Shape) -> Presentations:
    """Read spikes as stimuli, from a file that `export` or another tool wrote.

    They are those of the layer or population ``stimulus``, or of the only one there is. If a neuron has several
    spikes in a presentation, the first one counts.

    Parameters
    ----------
    path : str or Path
        Its suffix says of which kind it is.
    shape : (height, width, channels)
        Shape of one stimulus.

    Raises
    ------
    DataError
        As for `read_layer`.
    """
    return _read(Path(path), None, shape)


def _read(path: Path, layer: str | None, shape: Shape) -> Presentations:
    read = {name: kind for name, kind in KINDS.items() if kind.is_read}
    for name, kind in read.items():
        if path.name.endswith(kind.suffixes):
            _check_packages(name, path, kind)
            presentations: Presentations = _module(kind).read(path, layer, shape)
            if not len(presentations.latencies):
                raise DataError(f"{path}: holds no presentations")
            return presentations
    known = ", ".join(suffix for kind in read.values() for suffix in kind.suffixes)
    raise DataError(f"{path}: cannot be read as spikes; the name of a file must end in one of {known}")


def _module(kind: Kind) -> Any:
    return importlib.import_module(f"{__name__}.{kind.module}")


def _check(name: str, path: Path, kinds: Mapping[str, Kind]) -> None:
    if name not in kinds:
        raise DataError(f"format {name!r}: is not known; choose one of {', '.join(kinds)}")
    suffixes = kinds[name].suffixes
    if not path.name.endswith(suffixes):
        raise DataError(f"{path}: a file of the format {name} is called {' or '.join('*' + end for end in suffixes)}")
    _check_packages(name, path, kinds[name])


def _check_packages(name: str, path: Path, kind: Kind) -> None:
    missing = [package for package in kind.packages if importlib.util.find_spec(package) is None]
    if missing:
        raise DataError(f"{path}: the format {name} needs {' and '.join(missing)}; pip install 'netsim[exchange]'")
