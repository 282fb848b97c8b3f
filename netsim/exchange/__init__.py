"""Spikes in the file formats of other tools: out, and in again as stimuli; and networks, out and in again.

A format is a module of `netsim.exchange.spikes` or of `netsim.exchange.networks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.deprecation import former
from netsim.errors import DataError, SpecificationError
from netsim.exchange.formats import Imported as Imported
from netsim.exchange.formats import NetworkFormat as NetworkFormat
from netsim.exchange.formats import SpikeFormat as SpikeFormat
from netsim.exchange.formats import format_of, format_to_write, reader
from netsim.registry import Registry
from netsim.seams import network_formats, spike_formats
from netsim.specification.checks import check_shape

if TYPE_CHECKING:
    from netsim.exchange.presentations import Presentations
    from netsim.runs.model import Subject
    from netsim.specification import Shape
    from netsim.spikes import Spikes


def _former(
    to: str,
    simulation: Spikes,
    path: str | Path,
    layers: Sequence[str] | None = None,
    record: Mapping[str, Any] | None = None,
) -> None:
    export(simulation, path, to, populations=layers, record=record)


@former(
    lambda *args: len(args) > 1 and not isinstance(args[1], str | Path),
    _former,
    "netsim.export(spikes, path)",
)
def export(
    subject: Subject | Spikes,
    path: str | Path,
    to: str | None = None,
    *,
    populations: Sequence[str] | None = None,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Write spikes or a network in the format of another tool; the file appears whole or not at all.

    Parameters
    ----------
    subject : Spikes, Model, Network, str or Path
        Spikes, or a model whose network and weights are written.
    path : str or Path
        Its suffix must be one of the format's.
    to : str, optional
        Name of the format, in `netsim.seams.spike_formats` or `netsim.seams.network_formats`; by default the first one
        with the suffix of the path.
    populations : sequence of str, optional
        Write the spikes of these populations only, ``stimulus`` among them; by default all.
    record : mapping, optional
        What was simulated or where the weights come from, ready for JSON; kept in the file where the format has a place
        for it.

    Raises
    ------
    DataError
        If there is no such format, the suffix is another one, a package is missing, or spikes come from a file.
    SpecificationError
        If the network has no such population, or populations are chosen of a network.
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

    path = Path(path)
    seam: Registry[Any] = spike_formats if isinstance(subject, Spikes) else network_formats
    written = format_to_write(to or format_of(path, seam), path, seam)
    if isinstance(subject, Spikes):
        written.write(subject, path, populations, record)
        return
    if populations is not None:
        raise SpecificationError("populations", "have no meaning for a network, which is written whole; leave them out")
    model = open_model(subject)
    written.write(model.network, model.weights, path, record)


def import_network(path: str | Path) -> Imported:
    """Read a network with its weights from a file that `export` or another tool wrote.

    From a file of `export` comes the same network: its spikes are the same. `Imported.assumed` tells what
    the file of another tool does not say.

    Parameters
    ----------
    path : str or Path
        Its suffix says the format; with any other it is tried as the first one, NIR.

    Raises
    ------
    DataError
        If the file is missing or damaged, holds another sort of network, or a package is missing.
    SpecificationError
        If its network cannot be built.

    Examples
    --------
    >>> import netsim
    >>> netsim.export("digits", "mine.nir")
    >>> netsim.import_network("mine.nir").network.shapes
    {'stimulus': (8, 8, 1), 'hidden': (200,), 'output': (10,)}
    """
    path = Path(path)
    read = reader(path, network_formats) or reader(path, network_formats, any_name=True)
    imported: Imported = read(path)
    return imported


def read_layer(path: str | Path, layer: str | None, shape: Shape) -> Presentations:
    """As `read_stimuli`, from the layer of a name and a shape, which may be (neurons,) too.

    None is the layer or population ``stimulus``, or the only one there is.
    """
    path = Path(path)
    read = reader(path, spike_formats)
    if read is None:
        suffixes = ", ".join(suffix for known in spike_formats.values() if known.read for suffix in known.suffixes)
        raise DataError(f"{path}: cannot be read as spikes; the name of a file must end in one of {suffixes}")
    presentations: Presentations = replace(read(path, layer, shape), name=str(path))
    if not len(presentations.latencies):
        raise DataError(f"{path}: holds no presentations")
    return presentations


def read_stimuli(path: str | Path, shape: Shape) -> Presentations:
    """Read spikes as stimuli from a file that `export` or another tool wrote.

    If a neuron has several spikes in a presentation, the first one counts; that others are left out says
    `Presentations.stimuli`.

    Parameters
    ----------
    path : str or Path
        Its suffix says the format.
    shape : tuple of int
        (height, width, channels).

    Raises
    ------
    DataError
        If the file is missing, damaged or of no known format, has no such layer or one of another shape, or a
        package is missing.
    SpecificationError
        If the shape is none.

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
    """Read the spikes of all layers from a file that `export` or another tool wrote, to analyse them.

    Of several spikes of a neuron in a presentation the first one counts. Of a table with a column ``neuron``, places
    are not looked at: how they number neurons says a shape, which it does not tell. A Parquet file is looked through
    once and then read when spikes are asked for, so that it can be larger than the memory: analyses that are sums over
    presentations read it in parts, if presentations follow each other in each layer, others a layer at a time.

    Parameters
    ----------
    path : str or Path
        Its suffix says the format.

    Raises
    ------
    DataError
        If the file is missing, damaged or of no format that is read so, or a package is missing.

    Examples
    --------
    >>> import netsim
    >>> netsim.export(netsim.present("digits", index=range(20)), "spikes.csv")
    >>> netsim.read_spikes("spikes.csv").presentations
    20
    """
    path = Path(path)
    read = reader(path, spike_formats, what="read_spikes")
    if read is None:
        known = [suffix for one in spike_formats.values() if one.read_spikes for suffix in one.suffixes]
        raise DataError(f"{path}: cannot be read as spikes; the name of a file must end in one of {', '.join(known)}")
    spikes: Spikes = read(path)
    if not spikes.presentations:
        raise DataError(f"{path}: holds no presentations")
    return spikes
