"""Export spikes and networks to file formats of other tools, and import them.

Each format is a module of `netsim.exchange.spikes` or of `netsim.exchange.networks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.errors import DataError, SpecificationError
from netsim.exchange.formats import Imported as Imported
from netsim.exchange.formats import NetworkFormat as NetworkFormat
from netsim.exchange.formats import SpikeFormat as SpikeFormat
from netsim.exchange.formats import format_of, format_to_write, reader
from netsim.registry import Registry
from netsim.seams import network_formats, spike_formats
from netsim.specification.checks import check_shape, path_in

if TYPE_CHECKING:
    from netsim.exchange.presentations import Presentations
    from netsim.runs.model import Subject
    from netsim.specification import Shape
    from netsim.spikes import Spikes


def export(
    subject: Subject | Spikes,
    path: str | Path,
    to: str | None = None,
    *,
    populations: Sequence[str] | None = None,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Write spikes or a network in a file format of another tool. A failed write leaves no partial file.

    Parameters
    ----------
    subject : Spikes, Model, Network, str or Path
        Spikes, or a model, of which the network and its weights are written.
    path : str or Path
        File or folder to write. Its suffix must belong to the format.
    to : str, optional
        Name of the format, in `netsim.seams.spike_formats` or `netsim.seams.network_formats`; by default the first
        format with the suffix.
    populations : sequence of str, optional
        Names of the populations whose spikes are written; ``stimulus`` is also allowed. The default is all.
    record : mapping, optional
        Provenance that JSON supports. Formats with room for metadata keep it in the file.

    Raises
    ------
    DataError
        If the format does not exist, the suffix is wrong, a package is missing, or the spikes come from a file.
    SpecificationError
        If a population does not exist, or populations are chosen for a network.
    RunError
        If the file cannot be written.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", index=[0, 3])
    >>> netsim.export(spikes, "spikes.csv", populations=["stimulus", "output"])
    >>> netsim.read_stimuli("spikes.csv", (8, 8, 1)).latencies.shape
    (2, 8, 8, 1)
    >>> netsim.export("digits", "digits.nir")
    """
    from netsim.runs.model import open_model
    from netsim.spikes import Spikes

    path = path_in(path, "path")
    seam: Registry[Any] = spike_formats if isinstance(subject, Spikes) else network_formats
    written = format_to_write(to or format_of(path, seam), path, seam)
    if isinstance(subject, Spikes):
        written.write(subject, path, populations, record)
        return
    if populations is not None:
        raise SpecificationError("populations", "have no effect on a network, which is written whole; leave them out")
    model = open_model(subject)
    written.write(model.network, model.weights, path, record)


def import_network(path: str | Path) -> Imported:
    """Read a network with its weights from a file that `export` or another tool wrote.

    A network that `export` wrote has the same spikes after the import. `Imported.assumed` lists the assumptions about
    files of other tools.

    Parameters
    ----------
    path : str or Path
        The suffix selects the format. Files with an unknown suffix are read as NIR.

    Returns
    -------
    Imported

    Raises
    ------
    DataError
        If the file is missing or damaged, contains an unsupported network, or a package is missing.
    SpecificationError
        If the network is invalid.

    Examples
    --------
    >>> import netsim
    >>> netsim.export("digits", "mine.nir")
    >>> netsim.import_network("mine.nir").network.shapes
    {'stimulus': (8, 8, 1), 'hidden': (200,), 'output': (10,)}
    """
    path = path_in(path, "path")
    read = reader(path, network_formats)
    if read is None:
        if path.name.endswith(tuple(suffix for known in network_formats.values() for suffix in known.suffixes)):
            name = format_of(path, network_formats)
            raise DataError(f"{path}: the format {name} can only be written; import a NIR file of the network instead")
        read = reader(path, network_formats, any_name=True)
    imported: Imported = read(path)
    return imported


def _unreadable(path: Path, what: str) -> str:
    """Return why a file is not read by the attribute `what` of a format, and which files are."""
    readable = [known for known in spike_formats.values() if getattr(known, what)]
    suffixes = ", ".join(suffix for known in readable for suffix in known.suffixes)
    for name, known in spike_formats.items():
        if not getattr(known, what) and path.name.endswith(tuple(known.suffixes)):
            return f"{path}: netsim cannot read spikes of the format {name}; use a file that ends in {suffixes}"
    return f"{path}: cannot be read as spikes; the name of a file must end in one of {suffixes}"


def read_layer(path: str | Path, layer: str | None, shape: Shape) -> Presentations:
    """Read one layer, as `read_stimuli` does. `shape` may also be (neurons,).

    If `layer` is None, the layer ``stimulus`` or the only layer is read.
    """
    path = path_in(path, "path")
    read = reader(path, spike_formats)
    if read is None:
        raise DataError(_unreadable(path, "read"))
    presentations: Presentations = replace(read(path, layer, shape), name=str(path))
    if not len(presentations.latencies):
        raise DataError(f"{path}: has no presentations; a spike file with at least one is needed")
    return presentations


def read_stimuli(path: str | Path, shape: Shape) -> Presentations:
    """Read spikes as stimuli from a file that `export` or another tool wrote.

    Only the first spike of a neuron in a presentation counts. `Presentations.stimuli` warns about other spikes.

    Parameters
    ----------
    path : str or Path
        The suffix selects the format.
    shape : tuple of int
        Shape of the stimuli (height, width, channels).

    Returns
    -------
    Presentations

    Raises
    ------
    DataError
        If the file is missing, damaged or of an unknown format, the layer is missing or has another shape, or a
        package is missing.
    SpecificationError
        If `shape` is not a shape.

    Examples
    --------
    >>> import netsim
    >>> netsim.export(netsim.present("digits", index=[0, 3]), "stimuli.csv", populations=["stimulus"])
    >>> netsim.read_stimuli("stimuli.csv", (8, 8, 1)).indices
    array([0, 3])
    """
    check_shape(shape, (3,), "shape", "height, width and channels, such as (28, 28, 1)")
    return read_layer(path, None, shape)


def read_spikes(path: str | Path) -> Spikes:
    """Read the spikes of all layers from a file that `export` or another tool wrote, for analysis.

    Only the first spike of a neuron in a presentation counts. In a table with a column ``neuron`` the columns ``y``,
    ``x`` and ``channel`` are ignored, because their numbering depends on an unknown shape.

    A Parquet file may be larger than memory. It is scanned once, and read again when an analysis needs its spikes.
    Analyses that are sums over presentations read it in parts, if presentations are in order in each layer. Other
    analyses read a layer at a time.

    Parameters
    ----------
    path : str or Path
        The suffix selects the format.

    Returns
    -------
    Spikes

    Raises
    ------
    DataError
        If the file is missing, damaged or of an unsupported format, or a package is missing.

    Examples
    --------
    >>> import netsim
    >>> netsim.export(netsim.present("digits", index=range(20)), "spikes.csv")
    >>> netsim.read_spikes("spikes.csv").presentations
    20
    """
    path = path_in(path, "path")
    read = reader(path, spike_formats, what="read_spikes")
    if read is None:
        raise DataError(_unreadable(path, "read_spikes"))
    spikes: Spikes = read(path)
    if not spikes.presentations:
        raise DataError(f"{path}: has no presentations; a spike file with at least one is needed")
    return spikes
